import { $$ } from './common.js';

// Unsent text: the browser asks before it is lost.
addEventListener('beforeunload', event => {
  const lost = field => !field.form.dataset.sent && field.value.trim() && (field.value !== field.defaultValue || 'unsent' in field.form.dataset);
  if ([...$$('form[method=post] textarea')].some(lost)) event.preventDefault();
});
