// Mustache templates of the consent page, for our own page (a plain form) and for the page that
// applications show (`embedded`: complete in itself, with the script of consent_script.h).
//
// No two braces stand side by side in the script, the style and the values: the agent runs the page
// through a template engine once more (spec cli.md §3.1).
#pragma once
#include <string_view>

namespace mytoken::web {

inline constexpr std::string_view consent_template =
    R"html(<h1>{{#application}}Allow “{{application}}” to get a token?{{/application}}{{^application}}Allow a long-lived token?{{/application}}</h1>
<p>{{#application}}A program that calls itself <strong>{{application}}</strong>{{/application}}{{^application}}An application{{/application}}
asks for a <em>mytoken</em>: a credential with which it gets access tokens in your name without you being present.</p>
{{#flow}}<p class="warning" role="note"><strong>Only continue if you started this yourself.</strong>
Whoever started it receives the token. It was started {{#address}}from the address <strong>{{address}}</strong> {{/address}}at <time>{{created}}</time>.</p>
{{/flow}}{{#embedded}}<p class="quiet">It is made from a mytoken that the program holds already, and can do no more than that one.</p>
{{/embedded}}{{#problem}}<div class="problem" role="alert" id="problem" tabindex="-1"><strong>{{problem}}</strong>
{{#wrong}}<ul>{{#fields}}<li><a href="#{{id}}">{{label}}</a>: {{text}}</li>
{{/fields}}</ul>{{/wrong}}</div>
{{/problem}}
<form id="consent"{{#flow}} method="post"{{/flow}} novalidate>
{{#flow}}<input type="hidden" name="csrf" value="{{csrf}}">
<input type="hidden" name="shown" value="{{shown}}">
<button class="first" type="submit" name="decision" value="check" tabindex="-1" aria-hidden="true">Check</button>
{{/flow}}
<section>
<dl><dt>Login at</dt><dd>{{#provider}}{{provider}} {{/provider}}<span class="quiet">{{issuer}}</span></dd></dl>
<label for="name">Name of the token</label>
<input id="name" name="name" value="{{name}}" maxlength="400" autocomplete="off"{{#name_error}} aria-invalid="true" aria-describedby="name-error"{{/name_error}}>
{{#name_error}}<p class="error" id="name-error">{{name_error}}</p>
{{/name_error}}{{#tagged}}<fieldset class="plain"><legend>Tags</legend>
{{#tags}}<p class="tick"><input type="checkbox" id="tag.{{number}}" name="tag" value="{{number}}"{{#kept}} checked{{/kept}}><label for="tag.{{number}}"><span class="tag">{{tag}}</span></label>
<input type="checkbox" id="tag.{{number}}.children" name="tag_children" value="{{number}}"{{#for_children}} checked{{/for_children}}><label for="tag.{{number}}.children">also for the mytokens that are made from it<span class="hidden">: {{tag}}</span></label></p>
{{/tags}}</fieldset>
{{/tagged}}<details{{#open_tags}} open{{/open_tags}}><summary>Add tags</summary>
<div class="field"><label for="more_tags">More tags</label>
<input id="more_tags" name="more_tags" value="{{more_tags}}" autocomplete="off"{{#more_tags_error}} aria-invalid="true"{{/more_tags_error}} aria-describedby="{{#more_tags_error}}more_tags-error {{/more_tags_error}}more_tags-hint">
{{#more_tags_error}}<p class="error" id="more_tags-error">{{more_tags_error}}</p>
{{/more_tags_error}}<p class="hint" id="more_tags-hint">Names under which you find the token again, separated by commas.</p></div>
<p class="tick"><input type="checkbox" id="more_tags_children" name="more_tags_children" value="1"{{#more_tags_for_children}} checked{{/more_tags_for_children}}><label for="more_tags_children">Also for the mytokens that are made from it</label></p>
</details>
</section>

<section id="capability">
<h2>What it may do</h2>
{{#capability_error}}<p class="error">{{capability_error}}</p>
{{/capability_error}}<fieldset class="plain"><legend class="hidden">Asked for</legend>
{{#asked}}{{>capability_row}}{{/asked}}</fieldset>
{{#more}}<details{{#open_capabilities}} open{{/open_capabilities}}><summary>Allow more</summary>
<fieldset class="plain"><legend class="hidden">More</legend>
{{#others}}{{>capability_row}}{{/others}}</fieldset>
</details>
{{/more}}</section>

<section id="conditions">
<h2>When, where and how often it works</h2>
<div class="words">
{{#unclear}}<p>This is not clear yet, see below.</p>
{{/unclear}}{{#unrestricted}}<p class="warning">{{#embedded}}Without any restriction of its own: as the token that it is made from.{{/embedded}}{{#flow}}Without any restriction: from everywhere, for everything, for ever.{{/flow}}</p>
{{/unrestricted}}{{#restricted}}{{#several}}<p>It works if one of these sets of conditions is met:</p>
{{/several}}{{#sets}}<ul class="clause">
{{#conditions}}<li>{{condition}}</li>
{{/conditions}}</ul>
{{/sets}}{{/restricted}}</div>
<details{{#open_conditions}} open{{/open_conditions}}><summary>Change the conditions</summary>
{{#clauses_error}}<p class="error">{{clauses_error}}</p>
{{/clauses_error}}<div id="clauses">
{{#clauses}}{{>clause_fields}}{{/clauses}}</div>
<p class="buttons">{{#flow}}<button type="submit" name="decision" value="add" class="secondary small">Add alternative conditions</button>
<button type="submit" name="decision" value="check" class="secondary small">Show my changes in words</button>{{/flow}}{{#embedded}}<button type="button" id="add" class="secondary small">Add alternative conditions</button>{{/embedded}}</p>
</details>
</section>

<section id="rotation">
<h2>How it changes</h2>
<div class="words">
{{#rotates}}<ul>
{{#rotation}}<li>{{sentence}}</li>
{{/rotation}}</ul>
{{/rotates}}{{^rotates}}<p>It stays the same until it ends.</p>
{{/rotates}}</div>
<details{{#open_rotation}} open{{/open_rotation}}><summary>Change the rotation</summary>
<p class="hint">A token that is replaced when it is used is worth less to a thief. The program must be able to keep the new one.</p>
<p class="tick"><input type="checkbox" id="on_AT" name="on_AT" value="1"{{#on_AT}} checked{{/on_AT}}><label for="on_AT">Replace it whenever it gets an access token</label></p>
<p class="tick"><input type="checkbox" id="on_other" name="on_other" value="1"{{#on_other}} checked{{/on_other}}><label for="on_other">Replace it whenever it is used for something else</label></p>
<p class="tick"><input type="checkbox" id="auto_revoke" name="auto_revoke" value="1"{{#auto_revoke}} checked{{/auto_revoke}}><label for="auto_revoke">Revoke all of them if a replaced one is used again</label></p>
<div class="field"><label for="lifetime">It ends this long after its last replacement</label>
<input id="lifetime" name="lifetime" value="{{lifetime}}" autocomplete="off" spellcheck="false"{{#lifetime_error}} aria-invalid="true"{{/lifetime_error}} aria-describedby="{{#lifetime_error}}lifetime-error {{/lifetime_error}}lifetime-hint">
{{#lifetime_error}}<p class="error" id="lifetime-error">{{lifetime_error}}</p>
{{/lifetime_error}}<p class="hint" id="lifetime-hint">Such as 7d, 12h or 90m. Empty: the replacement sets no end.</p></div>
</details>
</section>

<p class="buttons">
{{#flow}}<button type="submit" name="decision" value="allow">Allow and log in</button>
<button type="submit" name="decision" value="deny" class="secondary">Deny</button>{{/flow}}{{#embedded}}<button type="button" id="continue">Continue</button>
<button type="button" id="cancel" class="secondary">Cancel</button>{{/embedded}}
</p>
{{#flow}}<input type="hidden" name="edited" value="1">{{/flow}}</form>
{{#flow}}<p class="quiet">This page is valid until <time>{{expires}}</time>.</p>{{/flow}}{{#embedded}}<noscript><p class="warning">This page hands your decision to the program by a script, and scripts are switched off.</p></noscript>
<template id="clause-fields">
{{#blank}}{{>clause_fields}}{{/blank}}</template>{{/embedded}})html";

inline constexpr std::string_view capability_template =
    R"html(<p class="tick"><input type="checkbox" id="capability.{{capability}}" name="capability" value="{{capability}}"{{#ticked}} checked{{/ticked}}><label for="capability.{{capability}}"><code>{{capability}}</code>{{#danger}} <span class="danger">{{danger}}</span>{{/danger}}{{#description}}<br><span class="quiet">{{description}}</span>{{/description}}</label></p>
)html";

inline constexpr std::string_view clause_template =
    R"html(<fieldset class="clause" data-number="{{number}}">
<legend>Conditions {{position}}</legend>
<input type="hidden" name="clause" value="{{number}}">
<div class="grid">
{{#texts}}<div class="field"><label for="{{id}}">{{label}}</label>
<input id="{{id}}" name="{{id}}" data-key="{{key}}" value="{{value}}" autocomplete="off" spellcheck="false"{{#numeric}} inputmode="numeric"{{/numeric}}{{#error}} aria-invalid="true"{{/error}} aria-describedby="{{#error}}{{id}}-error {{/error}}{{id}}-hint">
{{#error}}<p class="error" id="{{id}}-error">{{error}}</p>
{{/error}}<p class="hint" id="{{id}}-hint">{{hint}}</p></div>
{{/texts}}</div>
{{#choice}}<fieldset class="scopes"><legend>Only these scopes</legend>
{{#scopes}}<span class="scope"><input type="checkbox" id="{{id}}" name="{{name}}" value="{{scope}}"{{#ticked}} checked{{/ticked}}><label for="{{id}}">{{scope}}</label></span>
{{/scopes}}</fieldset>
{{/choice}}<p class="buttons">{{#flow}}<button type="submit" name="decision" value="remove.{{number}}" class="secondary small">Remove conditions {{position}}</button>{{/flow}}{{#embedded}}<button type="button" class="secondary small remove">Remove conditions {{position}}</button>{{/embedded}}</p>
</fieldset>
)html";

inline constexpr std::string_view application_layout = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{title}} · {{service}}</title>
<style>
{{{style}}}</style>
</head>
<body>
<header><p>{{service}}</p></header>
<main>
{{{body}}}
</main>
<div class="footer">{{#contact}}<p>Questions? Write to {{contact}}</p>{{/contact}}</div>
<script type="application/json" id="asked">{{{asked}}}</script>
<script>
{{{script}}}</script>
</body>
</html>
)html";

}  // namespace mytoken::web
