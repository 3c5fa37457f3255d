
// Opens what is folded while the page is printed. The page needs no script for anything else.
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details:not([open])")) {
    folded.dataset.folded = "";
    folded.open = true;
  }
});
addEventListener("afterprint", () => {
  for (const opened of document.querySelectorAll("details[data-folded]")) {
    delete opened.dataset.folded;
    opened.open = false;
  }
});
