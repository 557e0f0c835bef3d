import { $, $$, later } from './common.js';

// Who begins a thread sees whether it exists already, while the title is typed.
for (const place of $$('[data-similar]')) {
  const field = place.closest('form').elements.title, status = $('[role=status]', place), box = $('section', place);
  let asked;
  field.addEventListener('input', later(120, async () => {
    asked?.abort();
    asked = new AbortController();
    try {
      const answer = await fetch(`${place.dataset.similar}?${new URLSearchParams({ title: field.value })}`, { signal: asked.signal, headers: { Accept: 'text/html' } });
      if (!answer.ok || answer.redirected) return;
      const list = new DOMParser().parseFromString(await answer.text(), 'text/html').body;
      $('.similar', box)?.remove();
      box.append(...$$('.similar', list));
      box.hidden = !$('.similar', box);
      status.textContent = box.hidden ? '' : $('.away', list).textContent;
    } catch { /* away, or overtaken */ }
  }));
}
