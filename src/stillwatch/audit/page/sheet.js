(function () {
  "use strict";
  var items = Array.prototype.slice.call(document.querySelectorAll(".item"));
  function chosen(item, what) {
    var found = document.querySelector('input[name="' + item + "-" + what + '"]:checked');
    return found ? found.value : "";
  }
  function answers() {
    return items.map(function (box) {
      var item = box.dataset.item;
      return {
        item: item,
        act_as_one: chosen(item, "one"),
        collect_training_data: chosen(item, "data"),
        why: document.querySelector('input[name="' + item + '-why"]').value,
        reviewer: ""
      };
    });
  }
  document.addEventListener("change", function () {
    document.getElementById("answered").textContent = answers().filter(function (one) {
      return one.act_as_one || one.collect_training_data;
    }).length;
  });
  document.getElementById("save").addEventListener("click", function () {
    var lines = answers().map(function (one) { return JSON.stringify(one); }).join("\n") + "\n";
    var link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines], { type: "application/x-ndjson" }));
    link.download = "answers.ndjson";
    link.click();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
  });
})();
