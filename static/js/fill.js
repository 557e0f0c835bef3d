import { $$ } from './common.js';

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
