// Comfort, never need: every page is complete without this file. No words here; they come from data- attributes.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => root.querySelectorAll(selector);
const later = (ms, act) => { let timer; return (...args) => { clearTimeout(timer); timer = setTimeout(act, ms, ...args); }; };

// Preview: the server renders, so what is shown is what will be.
for (const field of $$('textarea[data-preview]')) {
  const box = $('.preview', field.parentElement), form = field.form;
  if (!box || !form) continue;
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
    } catch (trouble) {
      // Without a live preview the button is the way.
      if (trouble.name === 'AbortError') return;
      last = undefined;
      if (button) button.hidden = false;
    }
  });
  field.addEventListener('input', show);
}

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

// Others wrote meanwhile: a quiet line with a link. The page never reloads itself.
for (const line of $$('[data-news]')) {
  let at = 0, timer;
  const ask = async () => {
    if (document.hidden || Date.now() - at < 29000) return;
    at = Date.now();
    try {
      const answer = await fetch(line.dataset.news, { headers: { Accept: 'application/json' } });
      if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) return clearInterval(timer);
      const news = await answer.json();
      const link = $('a', line);
      if (news.count > 0 && link.textContent !== news.sentence) { line.hidden = false; link.textContent = news.sentence; }
    } catch { /* away; the next round asks again */ }
  };
  at = Date.now();
  timer = setInterval(ask, 30000);
  document.addEventListener('visibilitychange', ask);
}

// What can wait is fetched when its place comes into view; where nothing comes, the section goes.
const fill = new IntersectionObserver(seen => seen.filter(one => one.isIntersecting).forEach(async ({ target }) => {
  fill.unobserve(target);
  try {
    const answer = await fetch(target.dataset.fill, { headers: { Accept: 'text/html' } });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    target.replaceChildren(...page.body.childNodes);
    target.closest('.side').hidden = !target.firstElementChild;
  } catch { /* the link still leads there */ }
}), { rootMargin: '25%' });
$$('[data-fill]').forEach(place => fill.observe(place));

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

// Unsent text: the browser asks before it is lost.
addEventListener('beforeunload', event => {
  const lost = field => !field.form.dataset.sent && field.value.trim() && (field.value !== field.defaultValue || 'unsent' in field.form.dataset);
  if ([...$$('form[method=post] textarea')].some(lost)) event.preventDefault();
});

// Keys. data-keys="off" on <html> switches the single one off (WCAG 2.1.4).
addEventListener('keydown', event => {
  const target = event.target, writing = target.matches?.('input, textarea, select, [contenteditable]');
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && target.matches?.('textarea') && target.form) {
    event.preventDefault();
    target.form.requestSubmit();
  } else if (event.key === '/' && !writing && !event.ctrlKey && !event.metaKey && !event.altKey && document.documentElement.dataset.keys !== 'off') {
    const search = $('.bar input[type=search]');
    if (search) { event.preventDefault(); search.focus(); search.select(); }
  } else if (event.key === 'Escape') {
    const menu = $('.menu[open], .ask[open]');
    if (menu) { menu.open = false; $('summary', menu).focus(); }
  }
});
document.addEventListener('click', event => {
  const menu = $('.menu[open], .ask[open]');
  if (menu && !menu.contains(event.target)) menu.open = false;
});
