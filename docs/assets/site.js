"use strict";
// The theme adds regions without a name for the buttons of each block of code, and boxes for wide
// tables that scroll, but not by keyboard.
new MutationObserver(() => {
  document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])").forEach((box) => {
    box.tabIndex = 0;
  });
  document.querySelectorAll(".md-code__nav:not([aria-label])").forEach((region, place) => {
    region.setAttribute("aria-label", `Buttons of code ${place + 1}`);
  });
}).observe(document.documentElement, { childList: true, subtree: true });
