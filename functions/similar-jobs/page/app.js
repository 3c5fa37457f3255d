const list = document.querySelector("ol");
document.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = new FormData(event.target).get("text");
  const headers = { "content-type": "application/json" };
  const answer = await fetch("/v1/similar", { method: "POST", headers, body: JSON.stringify({ text }) });
  const { results, detail } = await answer.json();
  list.replaceChildren(...(results ?? [{ job_title: detail }]).map((job) => {
    const item = document.createElement("li");
    item.textContent = job.job_title;
    return item;
  }));
});
