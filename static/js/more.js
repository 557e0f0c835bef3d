import { $, $$ } from './common.js';

// "More" below a post opens there. Escape closes it, and the focus goes back to where it was.
const closeMore = link => {
  link.setAttribute('aria-expanded', 'false');
  $('.panel', link.closest('.post'))?.remove();
};
const openMore = async link => {
  try {
    const answer = await fetch(link.href + '?part', { headers: { Accept: 'text/html' } });
    if (!answer.ok || answer.redirected) throw answer;
    const panel = document.createElement('div');
    panel.className = 'panel';
    panel.append(...new DOMParser().parseFromString(await answer.text(), 'text/html').body.childNodes);
    $$('.post [aria-expanded=true]').forEach(closeMore);
    link.setAttribute('aria-expanded', 'true');
    link.closest('.post').append(panel);
    offerCopies(panel);
    $('input, button', panel).focus();
    panel.addEventListener('keydown', event => {
      if (event.key === 'Escape') { event.stopPropagation(); closeMore(link); link.focus(); }
    });
  } catch { location = link.href; }
};
const offerCopies = place => {
  for (const button of $$('[data-copy]', place)) {
    button.hidden = !navigator.clipboard;
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
      button.textContent = button.dataset.done;
    });
  }
};
offerCopies(document);
for (const link of $$('.post > footer > a[href$="/more"]')) {
  link.setAttribute('role', 'button');
  link.setAttribute('aria-expanded', 'false');
  link.addEventListener('click', event => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (link.getAttribute('aria-expanded') === 'true') closeMore(link); else openMore(link);
  });
  link.addEventListener('keydown', event => {
    if (event.key === ' ') { event.preventDefault(); link.click(); }
    if (event.key === 'Escape') closeMore(link);
  });
}
