(function () {
  "use strict";
  var opened = [];
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details.network:not([open])").forEach(function (one) {
      one.open = true;
      opened.push(one);
    });
  });
  window.addEventListener("afterprint", function () {
    opened.forEach(function (one) { one.open = false; });
    opened = [];
  });
  function follow() {
    var at = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    var box = at && at.closest("details");
    if (box) { box.open = true; at.scrollIntoView(); }
  }
  window.addEventListener("hashchange", follow);
  follow();
})();
