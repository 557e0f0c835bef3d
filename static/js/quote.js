import { $, later } from './common.js';
import { draftOf } from './draft.js';

// What is selected in a post is quoted as it stands, with its author: by a button beside it, or by the post's own link.
const replyForm = $('#reply[data-draft]');
const literal = text => text.replace(/[\\`*_[\]<>&~|]/g, '\\$&').replace(/^(\s*)([#+=-])/gm, '$1\\$2').replace(/^(\s*\d+)([.)])/gm, '$1\\$2');
const selectedPost = () => {
  const selection = getSelection();
  if (!selection.rangeCount || !selection.toString().trim()) return null;
  const inside = selection.getRangeAt(0).commonAncestorContainer;
  return (inside.closest ? inside : inside.parentElement).closest('.post > .text')?.parentElement;
};
const quoteFrom = post => {
  const { body, reply_to } = replyForm.elements, lines = literal(getSelection().toString().trim()).split('\n');
  const words = [`**${literal($('h2 a', post).textContent)}:**`, ...lines].map(line => `> ${line}`.trimEnd()).join('\n');
  body.value = `${body.value.trimEnd()}\n\n${words}\n\n`.trimStart();
  reply_to.value ||= new URL($('a[href*="?quote="]', post).href).searchParams.get('quote');
  getSelection().removeAllRanges();
  body.dispatchEvent(new Event('input', { bubbles: true }));
  body.focus();
  body.setSelectionRange(body.value.length, body.value.length);
  body.scrollTop = body.scrollHeight;
};
if (replyForm) {
  const button = Object.assign(document.createElement('button'), { type: 'button', className: 'btn quoter', textContent: replyForm.dataset.quote, hidden: true });
  button.addEventListener('pointerdown', event => event.preventDefault());  // keeps the selection
  button.addEventListener('click', () => quoteFrom(selectedPost()));
  document.body.append(button);
  document.addEventListener('selectionchange', later(100, () => {
    button.hidden = !selectedPost();
    if (button.hidden) return;
    const place = getSelection().getRangeAt(0).getBoundingClientRect();
    button.style.top = `${place.bottom + scrollY + 8}px`;
    button.style.left = `${Math.max(8, Math.min(place.left + scrollX, document.documentElement.clientWidth - button.offsetWidth - 8))}px`;
  }));
  document.addEventListener('click', async event => {
    const link = event.target.closest?.('a[href*="?quote="]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (selectedPost()?.contains(link)) return quoteFrom(selectedPost());
    await draftOf(replyForm).keep();  // the server puts the quotation behind what was begun
    location = link.href;
  });
}
