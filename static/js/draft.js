import { $, $$, later } from './common.js';

// Drafts: at each key on this device, two seconds after the last one on the server, and there when the tab hides.
// What the server has is forgotten here. What it has not, after a crash or a lost session, is in the form again.
const OWN = /^(csrf_token|draft|send_key|place)$/;
const strings = form => [...new FormData(form)].filter(([, value]) => typeof value === 'string');
const written = form => JSON.stringify(strings(form).filter(([name]) => !OWN.test(name)));
const drafts = new Map();

for (const form of $$('form[data-draft]')) {
  const { place, draft, send_key } = form.elements, line = $('.draft', form);
  const name = `draft:${form.dataset.draft}:${place.value}`;
  let saved = written(form), busy = Promise.resolve();

  const begun = () => draft.value || 'unsent' in form.dataset || [...form.elements].some(({ type, value, defaultValue }) => /^text/.test(type) && value !== defaultValue);
  const say = (sentence, id, others) => {
    const [words, discard, more] = line.children;
    line.hidden = !sentence;
    words.textContent = sentence;
    discard.hidden = !id;
    discard.lastChild.formAction = `/drafts/${id}/discard`;
    more.hidden = !others;
  };
  const post = body => fetch('/drafts', {
    method: 'POST', body, keepalive: document.hidden, headers: { Accept: 'application/json' },
  }).then(answer => answer.ok ? answer.json() : Promise.reject(answer));
  const save = async () => {
    const now = written(form);
    if (now === saved || form.dataset.sent || !begun()) return;
    try {
      const said = await post(new URLSearchParams(strings(form)));
      saved = now;
      draft.value = said.seen ?? '';
      if (!form.dataset.sent) say(said.sentence, said.id, said.others);
      delete form.dataset.unsent;
      if (written(form) !== now) return;
      forget();
      for (const field of $$('textarea', form)) field.defaultValue = field.value;
    } catch { say(form.dataset.lost); }
  };
  const keep = () => busy = busy.then(save);
  const forget = () => localStorage.removeItem(name);
  const soon = later(2000, keep);
  drafts.set(form, { keep, forget, clear() { saved = written(form); forget(); say(''); } });

  form.addEventListener('input', () => {
    try { localStorage.setItem(name, JSON.stringify([written(form), send_key.value, draft.value])); } catch { /* full */ }
    soon();
  });
  line.addEventListener('click', event => { if (event.target.formAction) forget(); });
  document.addEventListener('visibilitychange', () => { if (document.hidden) keep(); });

  const lost = localStorage.getItem(name);
  if ('unsent' in form.dataset) { saved = ''; soon(); }
  else if (lost) (async () => {
    const [text, key, seen] = JSON.parse(lost), fields = JSON.parse(text);
    if (text === saved) return forget();
    const body = new URLSearchParams([...fields, ['csrf_token', form.elements.csrf_token.value], ['place', place.value], ['send_key', key], ['draft', seen]]);
    try {
      const said = await post(body), there = new URL(location);
      forget();
      if (!said.id) return;  // it was sent before the answer got here
      there.searchParams.set('draft', said.id);
      there.hash = '';
      return location.replace(there);
    } catch { say(form.dataset.lost); }
    send_key.value = key;
    draft.value = seen;
    for (const field of form.elements) {
      const kept = fields.filter(([name]) => name === field.name).map(([, value]) => value);
      if (/^(checkbox|radio)$/.test(field.type)) field.checked = kept.includes(field.value);
      else if (kept.length === 1) [field.value] = kept;
    }
    $$('textarea', form).forEach(field => field.dispatchEvent(new Event('input', { bubbles: true })));
  })();
}

export const draftOf = form => drafts.get(form);
