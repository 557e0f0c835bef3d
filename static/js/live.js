import { $, $$ } from './common.js';

// What is unread, on every device alike, and whether others wrote meanwhile. The page never reloads itself.
const line = $('[data-news]'), badges = $$('[data-count]'), title = document.title;
let used = Date.now(), asked = used, stopped = !badges.length, asking;

// Who reads here, and now, soon sees what was read elsewhere; a page that is only left open asks seldom.
const pause = () => document.hidden ? 120000 : Date.now() - used < 60000 ? 4000 : 30000;

const showCounts = counts => {
  for (const badge of badges) {
    const count = counts[badge.dataset.count];
    badge.hidden = !count;
    badge.firstChild.data = count > 99 ? '99+' : count;
  }
  document.title = (counts.entries ? `(${counts.entries}) ` : '') + title;
};
const askLive = async () => {
  if (stopped || asking || Date.now() - asked < pause()) return;
  asked = Date.now();
  asking = true;
  try {
    const answer = await fetch('/inbox/counts' + (line ? '?' + line.dataset.news : ''), { headers: { Accept: 'application/json' } });
    if (answer.redirected || [401, 403, 404].includes(answer.status)) stopped = true;
    else if (answer.ok) {
      const news = await answer.json();
      showCounts(news);
      if (news.news && $('a', line).textContent !== news.news) { line.hidden = false; $('a', line).textContent = news.news; }
    }
  } catch { /* away; the next round asks again */ }
  asking = false;
};
for (const sign of ['pointermove', 'keydown', 'scroll', 'focus']) addEventListener(sign, () => { used = Date.now(); }, { passive: true });
document.addEventListener('visibilitychange', () => { used = Date.now(); askLive(); });
setInterval(askLive, 1000);
