'use strict';

// Tables: a click on a head sorts by its column, numbers by value and without one last.
for (const head of document.querySelectorAll('th button')) {
  head.addEventListener('click', () => {
    const th = head.parentElement, table = th.closest('table'), column = th.cellIndex;
    const down = th.getAttribute('aria-sort') === 'ascending';
    for (const other of table.querySelectorAll('th')) other.removeAttribute('aria-sort');
    th.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    const number = th.classList.contains('number');
    const keyed = [...table.tBodies[0].rows].map(row => {
      const cell = row.cells[column];
      const value = cell.dataset.sort === undefined ? null : Number(cell.dataset.sort);
      return {row, value: number || value !== null ? value : cell.textContent};
    });
    keyed.sort((a, b) => {
      if (a.value === null || b.value === null) return (a.value === null) - (b.value === null);
      const order = typeof a.value === 'number' ? a.value - b.value : a.value.localeCompare(b.value);
      return down ? -order : order;
    });
    table.tBodies[0].append(...keyed.map(k => k.row));
  });
}

// Tables: a row stays if it holds every word of the filter.
for (const input of document.querySelectorAll('.filter input')) {
  input.addEventListener('input', () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(w => w);
    for (const row of input.closest('.table').querySelectorAll('tbody tr')) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every(w => text.includes(w));
    }
  });
}

// Figures: the mark beneath pointer or finger tells its value.
const tip = document.getElementById('tip');
for (const title of document.querySelectorAll('.tips title')) {
  title.parentElement.dataset.tip = title.textContent;
  title.remove();
}
function showTip(event) {
  const text = event.target.dataset && event.target.dataset.tip;
  tip.hidden = !text;
  if (!text) return;
  tip.textContent = text;
  const room = 14, box = tip.getBoundingClientRect();
  const right = event.clientX + room + box.width > window.innerWidth;
  const below = event.clientY + room + box.height > window.innerHeight;
  tip.style.left = Math.max(4, right ? event.clientX - room - box.width : event.clientX + room) + 'px';
  tip.style.top = Math.max(4, below ? event.clientY - room - box.height : event.clientY + room) + 'px';
}
document.addEventListener('pointermove', showTip);
document.addEventListener('pointerdown', showTip);
document.addEventListener('scroll', () => { tip.hidden = true; }, true);

// A page from a server shows runs as they grow; what the reader typed or opened stays away from it.
if ('live' in document.body.dataset) {
  const pauseMs = 2000;
  let version = null;
  setInterval(async () => {
    try {
      const answer = await fetch('version');
      const now = await answer.text();
      if (answer.ok && version !== null && now !== version && !document.querySelector('.filter input:focus')) location.reload();
      if (answer.ok && version === null) version = now;
    } catch { /* the server has ended; the page stays as it is */ }
  }, pauseMs);
}
