// Mustache templates and the style sheet. {{name}} escapes; nothing here uses the unescaped form
// except the layout's body, which is itself rendered from an escaping template.
#pragma once
#include <string_view>

namespace mytoken::web {

inline constexpr std::string_view layout_template = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{title}} · {{service}}</title>
{{#refresh}}<meta http-equiv="refresh" content="0;url={{refresh}}">
{{/refresh}}<link rel="stylesheet" href="/static/mytoken.css">
</head>
<body>
<header><p>{{service}}</p></header>
<main>
{{{body}}}
</main>
<footer>{{#contact}}<p>Questions? <a href="mailto:{{contact}}">{{contact}}</a></p>{{/contact}}</footer>
</body>
</html>
)html";

inline constexpr std::string_view message_template = R"html(<h1>{{heading}}</h1>
{{#text}}<p>{{text}}</p>{{/text}})html";

inline constexpr std::string_view consent_template = R"html(<h1>Allow a long-lived token?</h1>
<p>{{#application}}The application <strong>{{application}}</strong>{{/application}}{{^application}}An application{{/application}}
asks for a <em>mytoken</em>: a credential with which it gets access tokens in your name without you being present.</p>
<p class="warning" role="note"><strong>Only continue if you started this yourself.</strong>
Whoever started it receives the token. It was started {{#address}}from the address <strong>{{address}}</strong> {{/address}}at <time>{{created}}</time>.</p>

<dl>
<dt>Login at</dt><dd>{{#provider}}{{provider}}<br>{{/provider}}<span class="quiet">{{issuer}}</span></dd>
{{#name}}<dt>Name of the token</dt><dd>{{name}}</dd>{{/name}}
</dl>

<h2>What it may do</h2>
<ul>
{{#capabilities}}<li><strong>{{capability}}</strong>{{#description}}: {{description}}{{/description}}{{#danger}} <span class="danger">{{danger}}</span>{{/danger}}</li>
{{/capabilities}}</ul>

<h2>Where and when it works</h2>
{{^restricted}}<p class="warning">Without any restriction: from everywhere, for everything, for ever.</p>{{/restricted}}
{{#restricted}}{{#several}}<p>It works if one of these sets of conditions is met:</p>{{/several}}
{{#clauses}}<ul class="clause">
{{#conditions}}<li>{{condition}}</li>
{{/conditions}}</ul>
{{/clauses}}{{/restricted}}

{{#rotates}}<h2>How it changes</h2>
<ul>
{{#rotation}}<li>{{sentence}}</li>
{{/rotation}}</ul>{{/rotates}}

<form method="post" action="{{action}}">
<input type="hidden" name="csrf" value="{{csrf}}">
<input type="hidden" name="shown" value="{{shown}}">
<p class="buttons">
<button type="submit" name="decision" value="allow">Allow and log in</button>
<button type="submit" name="decision" value="deny" class="secondary">Deny</button>
</p>
</form>
<p class="quiet">This page is valid until <time>{{expires}}</time>.</p>)html";

// Browsers apply form-action to every redirect after a form, also inside the provider; so the way
// there is a link that follows itself.
inline constexpr std::string_view onward_template = R"html(<h1>Off to your provider</h1>
<p>You are being sent to the login page. If nothing happens, <a href="{{url}}" rel="noreferrer">continue to the login</a>.</p>)html";

inline constexpr std::string_view style_sheet_text =
    R"css(:root { color-scheme: light dark; --text: #1b1f24; --quiet: #57606a; --back: #fff; --line: #d0d7de; --accent: #0b57a4; --danger: #9a1c1c; --warn: #fff4d6; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --quiet: #9aa4af; --back: #14181d; --line: #3a424b; --accent: #6cb2ff; --danger: #ff9a94; --warn: #3a2f10; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 44rem; padding: 1rem; font: 1.05rem/1.55 system-ui, sans-serif; color: var(--text); background: var(--back); }
header p { margin: 0; color: var(--quiet); font-weight: 600; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 1rem 0; }
h2 { font-size: 1.2rem; margin: 1.6rem 0 .4rem; }
a { color: var(--accent); }
dt { font-weight: 600; } dd { margin: 0 0 .6rem; overflow-wrap: anywhere; }
li { overflow-wrap: anywhere; }
.clause { border-left: .25rem solid var(--line); margin: .5rem 0; padding: .3rem 0 .3rem 1.6rem; }
.warning { background: var(--warn); border-left: .25rem solid #b98900; padding: .6rem .8rem; }
.danger { color: var(--danger); font-weight: 600; }
.quiet { color: var(--quiet); overflow-wrap: anywhere; }
.buttons { display: flex; flex-wrap: wrap; gap: .8rem; margin-top: 1.6rem; }
button { font: inherit; font-weight: 600; padding: .6rem 1.2rem; min-height: 2.75rem; border-radius: .4rem; border: 2px solid var(--accent); background: var(--accent); color: var(--back); cursor: pointer; }
button.secondary { background: transparent; color: var(--accent); }
button:focus-visible, a:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); color: var(--quiet); }
)css";

}  // namespace mytoken::web
