import { $, $$ } from './common.js';
import { draftOf } from './draft.js';

// Sent once is sent once. What was written goes out while it stays in the form: it is on the page at once, marked as
// on its way, and becomes the real post from the server's answer. A failure leaves the text, and a way to try again.
const buttons = form => [...form.elements].filter(item => item.type === 'submit');
function reopen(form) {
  delete form.dataset.sent;
  form.hidden = false;
  buttons(form).forEach(item => item.removeAttribute('aria-disabled'));
}
function pend(form) {
  $('.pending')?.remove();
  const pending = Object.assign(document.createElement('div'), { className: 'pending', tabIndex: -1 });
  pending.innerHTML = '<p role="status"></p>';
  const last = form.id === 'reply' && [...$$('.post')].at(-1);
  if (last) {
    const shown = $('.preview:not([hidden]) .text', form)?.cloneNode(true) ?? Object.assign(document.createElement('div'), { className: 'source', textContent: form.elements.body.value });
    pending.append(shown);
    last.after(pending);
    form.hidden = true;
    pending.focus({ preventScroll: true });
    pending.scrollIntoView({ block: 'nearest' });
  } else $('.steps', form).before(pending);
  $('p', pending).textContent = form.dataset.sending;
  return pending;
}
function fail(form, pending) {
  reopen(form);
  const again = Object.assign(document.createElement('button'), { type: 'button', className: 'link', textContent: form.dataset.again });
  again.addEventListener('click', () => form.requestSubmit());
  $('p', pending).replaceChildren(`${form.dataset.failed} `, again);
  pending.classList.add('failed');
  again.focus();
}
async function deliver(form) {
  const draft = draftOf(form), pending = pend(form);
  try {
    const answer = await fetch(form.action, { method: 'POST', body: new FormData(form), headers: { Accept: 'application/json' }, signal: AbortSignal.timeout(60000) });
    if (answer.status >= 500) throw answer;
    // The page that says what is wrong has the text in it.
    if (!answer.ok) { pending.remove(); return form.submit(); }
    const { address } = await answer.json();
    draft.forget();
    if (form.id !== 'reply') { location = address; return; }
    try { await arrive(form, pending, address); } catch { location = address; }
  } catch { fail(form, pending); }
}
async function arrive(form, pending, address) {
  const page = new DOMParser().parseFromString(await (await fetch(address)).text(), 'text/html'), fresh = $('#reply', page).elements;
  const posts = [...$$('.post', page)], known = post => document.getElementById(post.id);
  // It opened a new page, or the thread was merged into another.
  if (!posts.some(known) || fresh.place.value !== form.elements.place.value) throw address;
  posts.filter(post => !known(post)).forEach(post => pending.before(document.adoptNode(post)));
  pending.remove();
  const field = form.elements.body;
  field.defaultValue = '';
  form.reset();
  for (const name of ['csrf_token', 'send_key', 'draft', 'reply_to']) form.elements[name].value = fresh[name].value;
  field.dispatchEvent(new Event('input', { bubbles: true }));
  draftOf(form).clear();
  delete form.dataset.unsent;
  reopen(form);
  const news = $('.news'), now = $('.news', page);
  if (news && now) { news.hidden = true; Object.assign(news.dataset, now.dataset); }
  history.replaceState(null, '', address);
  const post = $(new URL(address, location).hash);
  post.tabIndex = -1;
  post.focus({ preventScroll: true });
  post.scrollIntoView({ block: 'nearest' });
}
document.addEventListener('submit', event => {
  const form = event.target;
  if (form.method !== 'post' || event.defaultPrevented) return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = 'yes';
  // Not "disabled": that would drop the button's name from what is sent, and the focus with it.
  buttons(form).forEach(item => item.setAttribute('aria-disabled', 'true'));
  if (draftOf(form) && !event.submitter?.hasAttribute('formaction')) { event.preventDefault(); deliver(form); }
  // The Back button, or ten seconds without an answer, open the form again.
  else setTimeout(reopen, 10000, form);
});
addEventListener('pageshow', event => { if (event.persisted) $$('form[data-sent]').forEach(reopen); });
