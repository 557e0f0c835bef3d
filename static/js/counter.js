import { $$ } from './common.js';

// Characters left, said only when it gets close.
for (const field of $$('[data-counter][maxlength]')) {
  const said = document.createElement('small');
  said.className = 'counter';
  said.setAttribute('aria-live', 'polite');
  field.after(said);
  const count = () => {
    const left = field.maxLength - field.value.length;
    said.textContent = left <= field.maxLength * .3 ? field.dataset.counter.replace('{}', left.toLocaleString(document.documentElement.lang)) : '';
  };
  field.addEventListener('input', count);
  count();
}
