import { $, $$, later } from './common.js';

// Whom or which thread one may mean, in the browser's own list. Of several names the last one is being typed.
for (const list of $$('datalist[data-offer]')) {
  const field = $(`[list=${list.id}]`), { offer, sign } = list.dataset;
  let newest;
  field.addEventListener('input', later(120, async () => {
    const [, before, text] = sign === '@' ? field.value.match(/^(.*[,;] *)?(.*)$/) : [, , field.value], mine = newest = {};
    try {
      const answer = await fetch(`${offer}&${new URLSearchParams({ sign, text: text.trim() })}`, { headers: { Accept: 'application/json' } });
      const { offers } = await answer.json();
      if (mine === newest) list.replaceChildren(...offers.filter(one => one.plain).map(one => new Option(one.more, (before ?? '') + one.plain)));
    } catch { /* away; one can go on typing */ }
  }));
}
