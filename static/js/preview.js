import { $, $$, later } from './common.js';

// Preview: the server renders, so what is shown is what will be.
for (const field of $$('textarea[data-preview]')) {
  const form = field.form, box = form && $(`#${field.id}-preview`, form);
  if (!box) continue;
  const button = $('button[name=preview]', form);
  if (button) button.hidden = true;
  let last = field.value, asked;
  const show = later(600, async () => {
    if (field.value === last) return;
    const body = last = field.value;
    asked?.abort();
    if (!body.trim()) { box.hidden = true; return; }
    asked = new AbortController();
    try {
      const answer = await fetch(field.dataset.preview, {
        method: 'POST', signal: asked.signal, headers: { Accept: 'text/html' },
        body: new URLSearchParams({ body, csrf_token: form.elements.csrf_token.value }),
      });
      if (!answer.ok || answer.redirected) throw answer;
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      $('.text', box).replaceChildren(...page.body.childNodes);
      box.hidden = false;
      box.scrollTop = (box.scrollHeight * field.selectionEnd) / body.length - box.clientHeight / 2;
    } catch (trouble) {
      // Without a live preview the button is the way.
      if (trouble.name === 'AbortError') return;
      last = undefined;
      if (button) button.hidden = false;
    }
  });
  field.addEventListener('input', show);
}
