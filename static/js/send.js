import { $$ } from './common.js';

// Sent once is sent once; the Back button, or ten seconds without an answer, open the form again.
const buttons = form => [...form.elements].filter(item => item.type === 'submit');
document.addEventListener('submit', event => {
  const form = event.target;
  if (form.method !== 'post' || event.defaultPrevented) return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = 'yes';
  // Not "disabled": that would drop the button's name from what is sent, and the focus with it.
  buttons(form).forEach(item => item.setAttribute('aria-disabled', 'true'));
  setTimeout(reopen, 10000, form);
});
function reopen(form) {
  delete form.dataset.sent;
  buttons(form).forEach(item => item.removeAttribute('aria-disabled'));
}
addEventListener('pageshow', () => $$('form[data-sent]').forEach(reopen));
