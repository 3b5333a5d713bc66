// The script of the consent page that applications show: it fills the fields from the request,
// checks them, and hands the decision to the functions approve() and cancel(), which the
// application provides (spec cli.md §3.1, clients.md §3.3). As in consent_form.h, an unchanged
// field keeps the request's value to the letter. The server checks everything again when the token
// is made.
#pragma once
#include <string_view>

namespace mytoken::web {

inline constexpr std::string_view consent_script_text = R"js("use strict";
(function () {
  var asked = JSON.parse(document.getElementById("asked").textContent);
  var form = document.getElementById("consent");
  var clauses = document.getElementById("clauses");
  var blank = document.getElementById("clause-fields");
  var next = 0;
  var lists = ["hosts", "audience", "geoip_allow", "geoip_disallow"];
  var advice = {
    exp: "Please write a time such as 2026-01-31 12:00 (UTC) or +7d, or nothing.",
    hosts: "Please write addresses, networks such as 192.0.2.0/24, or host names, or nothing.",
    geoip_allow: "Please write two-letter country codes such as DE, or nothing.",
    usages_AT: "Please write a whole number, 0 or more, or nothing.",
    lifetime: "Please write a time such as 7d, 12h or 90m, or nothing.",
    tags: "Please write names of up to 64 characters without slashes, separated by commas, or nothing; no more than 100 tags in all."
  };
  advice.nbf = advice.exp;
  advice.geoip_disallow = advice.geoip_allow;
  advice.usages_other = advice.usages_AT;
  var unfit = "Quotation marks and backslashes cannot be handed to the program.";

  function words(text) {
    return text.split(/[\s,]+/).filter(function (word) { return word !== ""; });
  }
  function date(seconds) {
    var time = new Date(seconds * 1000);
    return isNaN(time) || time.getUTCFullYear() > 9999 ? String(seconds) : time.toISOString().slice(0, 16).replace("T", " ");
  }
  function textOf(clause, key) {
    var value = clause[key];
    if (value === undefined) return "";
    if (key === "exp" || key === "nbf") return date(value);
    return Array.isArray(value) ? value.join(" ") : String(value);
  }
  function askedScopes(clause) {
    return words(clause.scope || "").filter(function (scope, i, all) { return all.indexOf(scope) === i; });
  }
  function inputs(fields) {
    return Array.from(fields.querySelectorAll("input[data-key]"));
  }
  function ticked(fields) {
    return Array.from(fields.querySelectorAll(".scopes input:checked")).map(function (box) { return box.value; });
  }

  // The fields of one clause; its values stay attached to them.
  function add(clause) {
    var fields = blank.content.firstElementChild.cloneNode(true);
    var number = next++;
    [fields].concat(Array.from(fields.querySelectorAll("*"))).forEach(function (element) {
      ["id", "name", "for", "aria-describedby"].forEach(function (attribute) {
        var value = element.getAttribute(attribute);
        if (value) element.setAttribute(attribute, value.replace(/clause\.new/g, "clause." + number));
      });
    });
    fields.asked = clause;
    inputs(fields).forEach(function (input) {
      input.value = input.dataset.key === "other_scopes" ? "" : textOf(clause, input.dataset.key);
      input.before = input.value;
    });
    var box = fields.querySelector(".scopes");
    var scopes = askedScopes(clause);
    // in the order of the request, which the token keeps
    (box ? scopes.slice().reverse() : []).forEach(function (scope) {
      var entry = Array.from(box.querySelectorAll("input")).filter(function (input) { return input.value === scope; })[0];
      var span = entry && entry.parentNode;
      if (!span) {
        var count = box.querySelectorAll("input").length;
        span = document.createElement("span");
        span.className = "scope";
        entry = document.createElement("input");
        entry.type = "checkbox";
        entry.value = scope;
        entry.id = "clause." + number + ".scope." + count;
        var label = document.createElement("label");
        label.htmlFor = entry.id;
        label.textContent = scope;
        span.append(entry, label);
      }
      entry.checked = true;
      box.querySelector("legend").after(span);
    });
    fields.scopes = scopes.join(" ");
    fields.querySelector(".remove").addEventListener("click", function () {
      fields.remove();
      label();
      edited(clauses);
      (clauses.querySelector("input[data-key]") || document.getElementById("add")).focus();
    });
    clauses.append(fields);
    label();
    return fields;
  }
  function label() {
    Array.from(clauses.children).forEach(function (fields, i) {
      fields.querySelector("legend").textContent = "Conditions " + (i + 1);
      fields.querySelector(".remove").textContent = "Remove conditions " + (i + 1);
    });
  }
  function edited(element) {
    var section = element.closest("section");
    var said = section && section.querySelector(".words");
    if (!said || section.classList.contains("edited")) return;
    section.classList.add("edited");
    said.textContent = "You have changed this: see the fields.";
  }

  function isTime(text) {
    return /^(\d{1,15}|\+\d{1,12}|\+(\d+(\.\d+)?[smhdwy])+|\d{4}-\d\d-\d\d \d\d:\d\d)$/.test(text);
  }
  // The value for a changed text; undefined: left out, null: wrong.
  function value(key, text) {
    var list = words(text);
    if (text === "") return undefined;
    if (key === "exp" || key === "nbf") {
      if (!isTime(text)) return null;
      if (text[0] === "+") return text;
      var time = /^\d+$/.test(text) ? Number(text) : Date.parse(text.replace(" ", "T") + ":00Z") / 1000;
      return isNaN(time) ? null : time;
    }
    if (key === "usages_AT" || key === "usages_other") return /^\d{1,15}$/.test(text) ? Number(text) : null;
    if (key === "hosts" && !list.every(function (x) { return /^[\w.*:\/-]+$/.test(x); })) return null;
    if (/^geoip/.test(key) && !list.every(function (x) { return /^[A-Za-z]{2}$/.test(x); })) return null;
    return list;
  }
  function seconds(text) {
    var units = { s: 1, m: 60, h: 3600, d: 86400, w: 604800, y: 31536000 };
    if (text === "") return 0;
    if (/^\d{1,12}$/.test(text)) return Number(text);
    if (!/^(\d+(\.\d+)?[smhdwy])+$/.test(text)) return null;
    var sum = 0;
    text.replace(/(\d+(?:\.\d+)?)([smhdwy])/g, function (all, count, unit) { sum += count * units[unit]; });
    return Math.floor(sum);
  }
  function holdsUnfit(value) {
    if (typeof value === "string") return /["\\\u0000-\u001f\u007f]/.test(value);
    return value !== null && typeof value === "object" && Object.values(value).some(holdsUnfit);
  }

  var wrong = [];
  function complain(input, text) {
    var id = input.id + "-error";
    var message = document.createElement("p");
    message.className = "error";
    message.id = id;
    message.textContent = text;
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", (id + " " + (input.getAttribute("aria-describedby") || "")).trim());
    input.after(message);
    wrong.push(input);
  }
  function forget() {
    wrong.forEach(function (input) {
      var id = input.id + "-error";
      var message = document.getElementById(id);
      if (message) message.remove();
      input.removeAttribute("aria-invalid");
      input.setAttribute("aria-describedby", (input.getAttribute("aria-describedby") || "").replace(id, "").trim());
    });
    wrong = [];
    var problem = document.getElementById("problem");
    if (problem) problem.remove();
  }
  function say(text) {
    var problem = document.createElement("div");
    problem.className = "problem";
    problem.id = "problem";
    problem.tabIndex = -1;
    problem.setAttribute("role", "alert");
    problem.textContent = text;
    form.before(problem);
    problem.scrollIntoView();
  }

  function clauseFrom(fields) {
    var clause = Object.assign({}, fields.asked);
    inputs(fields).forEach(function (input) {
      var key = input.dataset.key;
      var text = input.value.trim();
      if (key === "other_scopes") {
        var scopes = ticked(fields).concat(words(text));
        if (scopes.join(" ") === fields.scopes) return;
        delete clause.scope;
        if (scopes.length) clause.scope = scopes.join(" ");
        if (holdsUnfit(clause.scope || "")) complain(input, unfit);
        return;
      }
      if (text !== input.before) {
        var changed = value(key, text);
        if (changed === null) return complain(input, advice[key]);
        delete clause[key];
        if (changed !== undefined) clause[key] = changed;
        if ((key === "exp") && typeof changed === "number" && changed * 1000 < Date.now()) complain(input, "This time is over already.");
      }
      if (holdsUnfit(clause[key] || "")) complain(input, unfit);
    });
    return clause;
  }
  function rotationFrom() {
    var input = document.getElementById("lifetime");
    var text = input.value.trim();
    var lifetime = text === input.before ? (asked.rotation && asked.rotation.lifetime) || 0 : seconds(text);
    if (lifetime === null) complain(input, advice.lifetime);
    var rotation = {};
    ["on_AT", "on_other", "auto_revoke"].forEach(function (key) {
      if (document.getElementById(key).checked) rotation[key] = true;
    });
    if (lifetime) rotation.lifetime = lifetime;
    if (Object.keys(rotation).length) return rotation;
    return asked.rotation && Object.keys(asked.rotation).length === 0 ? asked.rotation : null;
  }
  function isTag(name) {
    return Array.from(name).length <= 64 && !/[\/\u0000-\u001f\u007f-\u009f]/.test(name);
  }
  function tagsFrom() {
    var input = document.getElementById("more_tags");
    var forChildren = document.getElementById("more_tags_children").checked;
    var more = input.value.split(",").map(function (name) { return name.trim(); }).filter(Boolean);
    var tags = asked.tags.filter(function (tag, i) { return document.getElementById("tag." + i).checked; });
    tags.forEach(function (tag) {
      tag.include_children = document.getElementById("tag." + asked.tags.indexOf(tag) + ".children").checked;
    });
    tags = tags.concat(more.map(function (name) { return { tag: name, include_children: forChildren }; }));
    if (!more.every(isTag) || tags.length > 100) complain(input, advice.tags);
    else if (more.some(holdsUnfit)) complain(input, unfit);
    return tags;
  }
  function plain(name) {
    return name.replace(/"/g, "'").replace(/\\/g, "/").replace(/[\u0000-\u001f\u007f]+/g, " ").trim();
  }

  // Enter in a field decides nothing.
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  document.getElementById("continue").addEventListener("click", function () {
    forget();
    var name = document.getElementById("name");
    name.value = plain(name.value);
    if (Array.from(name.value).length > 100) complain(name, "Please write no more than 100 characters.");
    var tags = tagsFrom();
    var decision = Object.assign(tags.length ? { tags: tags } : {}, {
      oidc_issuer: asked.oidc_issuer,
      restrictions: Array.from(clauses.children).map(clauseFrom).filter(function (clause) { return Object.keys(clause).length > 0; }),
      capabilities: Array.from(form.querySelectorAll("input[name=capability]:checked")).map(function (box) { return box.value; }),
      name: name.value,
      rotation: rotationFrom()
    });
    if (wrong.length) {
      wrong.forEach(function (input) {
        var details = input.closest("details");
        if (details) details.open = true;
      });
      say("Please correct what is marked below.");
      return wrong[0].focus();
    }
    if (!decision.capabilities.length) return say("Please tick at least one thing that it may do.");
    if (holdsUnfit(decision)) return say("The request holds a quotation mark or a backslash, which cannot be handed to the program.");
    if (typeof window.approve !== "function") return say("This page must be opened by the program that asks for the token.");
    window.approve(decision);
  });
  document.getElementById("cancel").addEventListener("click", function () {
    if (typeof window.cancel === "function") window.cancel();
    else say("Nothing was allowed. You can close this page.");
  });
  document.getElementById("add").addEventListener("click", function () {
    edited(clauses);
    add({}).querySelector("input[data-key]").focus();
  });
  form.addEventListener("input", function (event) { edited(event.target); });

  var lifetime = document.getElementById("lifetime");
  lifetime.before = lifetime.value;
  (asked.restrictions.length ? asked.restrictions : [{}]).forEach(add);
})();
)js";

}  // namespace mytoken::web
