import { $$ } from './common.js';

// Another kind begins with another text, as long as nobody has written into it.
for (const form of $$('form[data-templates]')) {
  const texts = JSON.parse(form.dataset.templates), { body } = form.elements;
  form.addEventListener('change', ({ target }) => {
    if (target.name !== 'kind' || !['', ...Object.values(texts)].includes(body.value.trim())) return;
    body.value = body.defaultValue = texts[target.value] ?? '';
  });
}
