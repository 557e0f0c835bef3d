import { $ } from './common.js';

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
