import { $, $$ } from './common.js';

// The toolbar, its keys, and what is offered for @ and #: loaded when somebody begins to write.
for (const expander of $$('text-expander')) {
  const field = $('textarea', expander), tools = $(`markdown-toolbar[for=${field.id}]`);
  let loaded;
  const load = () => loaded ??= Promise.all([import(tools.dataset.from), import(expander.dataset.from)]).catch(() => { loaded = null; });
  field.addEventListener('focus', load);
  if (document.activeElement === field) load();
  tools.addEventListener('click', async event => {
    const tool = event.target.closest('button');
    if (loaded || !tool) return;
    await load();
    tool.click();
  });
  field.addEventListener('keydown', async event => {
    const act = (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && { b: 'bold', i: 'italic', k: 'link' }[event.key];
    if (!act) return;
    event.preventDefault();
    await load();
    $(`[data-md-button=${act}]`, tools).click();
  });
  const option = ({ value, words, more }, index) => {
    const item = document.createElement('li'), small = document.createElement('small');
    Object.assign(item, { role: 'option', id: `offer-${index}` }).dataset.value = value;
    small.textContent = more;
    item.append(words, ' ', small);
    return item;
  };
  const ask = async (sign, text) => {
    const list = Object.assign(document.createElement('ul'), { className: 'offers', role: 'listbox' });
    try {
      const answer = await fetch(`${expander.dataset.offer}&${new URLSearchParams({ sign, text })}`, { headers: { Accept: 'application/json' } });
      list.append(...(await answer.json()).offers.map(option));
    } catch { /* away; one can go on writing */ }
    list.ariaLabel = expander.dataset.label;
    return { matched: list.childElementCount > 0, fragment: list };
  };
  let newest;  // an answer that was overtaken shows the newer one
  const offers = ({ key, text }) => {
    const mine = newest = ask(key, text).then(list => mine === newest ? list : newest);
    return mine;
  };
  expander.addEventListener('text-expander-change', ({ detail }) => detail.provide(offers(detail)));
  expander.addEventListener('text-expander-value', ({ detail }) => { detail.value = detail.item.dataset.value; });
  expander.addEventListener('text-expander-committed', () => field.dispatchEvent(new Event('input', { bubbles: true })));
}
