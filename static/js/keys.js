import { $, $$ } from './common.js';

// Keys. Single ones are off where a member wants it so (WCAG 2.1.4): data-keys="off" on <html>.
const single = {
  '/'() { const search = $('.bar input[type=search]'); search?.focus(); search?.select(); return search; },
  r() { const field = $('.reply textarea'); field?.focus(); return field; },
  j: () => step(1),
  k: () => step(-1),
  '?': help,
};
// To the next post or row: from where the focus is, or else from what stands at the top.
function step(by) {
  const items = [...$$('.post, .rows :is(h2, h3) a')], top = item => item.getBoundingClientRect().top;
  const at = items.findIndex(item => item.contains(document.activeElement));
  const next = at >= 0 ? items[at + by] : by > 0 ? items.find(item => top(item) > 20) : items.findLast(item => top(item) < 0);
  if (!next) return;
  const post = next.matches('.post');
  if (post) next.tabIndex = -1;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: post ? 'start' : 'nearest' });
  return next;
}
// The list of keys is a page; here it comes to where one is.
function help() {
  if (!$('dialog.keys') && !$('table.keys')) fetch('/settings/keys').then(answer => answer.text()).then(text => {
    const dialog = document.createElement('dialog');
    dialog.className = 'keys';
    dialog.append($('#keys', new DOMParser().parseFromString(text, 'text/html')));
    dialog.addEventListener('close', () => dialog.remove());
    $('h2', dialog).className = '';
    dialog.setAttribute('aria-labelledby', 'keys-title');
    $('form', dialog).hidden = false;
    document.body.append(dialog);
    dialog.showModal();
  }).catch(() => { location = '/settings/keys'; });
  return true;
}
addEventListener('keydown', event => {
  const target = event.target, held = event.ctrlKey || event.metaKey;
  if (event.key === 'Enter' && held && target.matches?.('textarea') && target.form) {
    event.preventDefault();
    target.form.requestSubmit();
  } else if (event.key === 'Escape') {
    const menu = $('.menu[open], .ask[open]');
    if (menu) { menu.open = false; $('summary', menu).focus(); }
  } else if (!held && !event.altKey && !target.matches?.('input, textarea, select, [contenteditable]')
    && document.documentElement.dataset.keys !== 'off' && $('.bar nav') && !$('dialog[open]') && single[event.key]?.()) event.preventDefault();
});
document.addEventListener('click', event => {
  const menu = $('.menu[open], .ask[open]');
  if (menu && !menu.contains(event.target)) menu.open = false;
});
