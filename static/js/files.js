import { $, $$ } from './common.js';

// Files: by button, paste or drop; each is sent at once, and the server answers with its row, or a sentence.
for (const place of $$('[data-upload]')) {
  const field = $('input[type=file]', place), list = $('ul', place), told = $('.said', place), { form } = field;
  let busy = 0, waiting;

  const say = (words, name) => told.textContent = words.replace('{}', name);
  const changed = () => form.dispatchEvent(new Event('input', { bubbles: true }));
  const add = file => {
    const row = document.createElement('li'), bar = document.createElement('progress'), name = document.createElement('p');
    const request = new XMLHttpRequest(), body = new FormData();
    const failed = words => { name.className = 'wrong'; name.textContent = words; bar.remove(); name.setAttribute('role', 'alert'); waiting = null; };
    name.textContent = place.dataset.adding.replace('{}', file.name);
    bar.setAttribute('aria-label', file.name);
    row.append(name, bar);
    list.append(row);
    busy++;
    request.upload.onprogress = step => { if (step.total > step.loaded) bar.value = step.loaded / step.total; else bar.removeAttribute('value'); };
    request.onload = () => {
      const sentence = request.getResponseHeader('Content-Type').startsWith('text/plain') && request.responseText;
      if (request.status !== 200) return failed(sentence || place.dataset.failed.replace('{}', file.name));
      const rows = new DOMParser().parseFromString(request.responseText, 'text/html').body.children;
      const asked = $('input:not([type])', rows[0]), idle = row.contains(document.activeElement) || document.activeElement === field;
      row.replaceWith(...rows);
      say(place.dataset.added, file.name);
      if (asked && idle) asked.focus();
      changed();
    };
    request.onerror = () => failed(place.dataset.failed.replace('{}', file.name));
    request.onloadend = () => { if (!--busy && waiting) form.requestSubmit(...waiting); };
    body.append('csrf_token', form.elements.csrf_token.value);
    body.append('files', file);
    request.open('POST', place.dataset.upload);
    request.send(body);
  };
  const take = (event, files) => {
    if (!files.length) return;
    event.preventDefault();
    $$('[role=alert]', list).forEach(said => said.parentNode.remove());
    [...files].forEach(add);
  };

  field.addEventListener('change', event => { take(event, field.files); field.value = ''; });
  // What is copied from Word comes as text and as a picture of it: then the text is meant.
  form.addEventListener('paste', event => event.clipboardData.types.includes('text/plain') || take(event, event.clipboardData.files));
  form.addEventListener('dragover', event => { if (event.dataTransfer.types.includes('Files')) { event.preventDefault(); place.classList.add('over'); } });
  form.addEventListener('dragleave', () => place.classList.remove('over'));
  form.addEventListener('drop', event => { place.classList.remove('over'); take(event, event.dataTransfer.files); });
  form.addEventListener('submit', event => {
    if (!busy) return;
    event.preventDefault();
    waiting = [event.submitter];
    say(place.dataset.busy);
  });
  form.addEventListener('reset', () => list.replaceChildren());  // it was sent, and the next text has files of its own
  list.addEventListener('change', event => {
    const row = event.target.closest('li');
    if (event.target.name !== 'remove' || !$('[name=upload]', row)) return;
    say(place.dataset.removed, $('a', row).textContent);
    row.remove();
    field.focus();
    changed();
  });
}
