import { $, $$ } from './common.js';

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
