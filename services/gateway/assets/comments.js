// While a comment just sent is still being checked, asks for its fate, and shows the page again when there is news.
// Without this script the page is the same; a reload tells.
"use strict";
{
  const fate = document.querySelector("[data-status]");
  let looks = 20;
  const look = async () => {
    const answer = await fetch(fate.dataset.status, { headers: { accept: "application/json" } });
    if (answer.ok && (await answer.json()).state !== "submitted") {
      location.reload();
    } else {
      again();
    }
  };
  const again = () => {
    looks -= 1;
    if (looks > 0) setTimeout(() => look().catch(again), 1000);
  };
  if (fate) again();
}
