// Mustache templates and the style sheet. {{name}} escapes; nothing here uses the unescaped form
// except the layout's body, which is itself rendered from an escaping template, and the operator's
// help, which is the configuration's.
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
<footer class="footer">{{#contact}}<p>Questions? <a href="mailto:{{contact}}">{{contact}}</a></p>{{/contact}}</footer>
</body>
</html>
)html";

inline constexpr std::string_view message_template = R"html(<h1>{{heading}}</h1>
{{#text}}<p>{{text}}</p>{{/text}})html";

inline constexpr std::string_view help_template = R"html(<h1>{{heading}}</h1>
<p>{{text}}</p>
{{#help}}<div class="clause">{{{help}}}</div>
{{/help}}{{#url}}<p><a href="{{url}}">Continue</a></p>{{/url}})html";

// Browsers apply form-action to every redirect after a form, also inside the provider; so the way
// there is a link that follows itself.
inline constexpr std::string_view onward_template = R"html(<h1>Off to your provider</h1>
<p>You are being sent to the login page. If nothing happens, <a href="{{url}}" rel="noreferrer">continue to the login</a>.</p>)html";

// Also part of the page for applications: no two braces side by side, see consent_templates.h.
inline constexpr std::string_view style_sheet_text =
    R"css(:root { color-scheme: light dark; --text: #1b1f24; --quiet: #57606a; --back: #fff; --card: #f6f8fa; --line: #d0d7de; --field: #818b95; --accent: #0b57a4; --danger: #9a1c1c; --warn: #fff4d6; --wrong: #ffebe9; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --quiet: #9aa4af; --back: #14181d; --card: #1b2128; --line: #3a424b; --field: #76808b; --accent: #6cb2ff; --danger: #ff9a94; --warn: #3a2f10; --wrong: #3d1a1a; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 46rem; padding: 1rem; font: 1.05rem/1.55 system-ui, sans-serif; color: var(--text); background: var(--back); }
header p { margin: 0; color: var(--quiet); font-weight: 600; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 1rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 0 0 .6rem; }
p { margin: .6rem 0; }
a { color: var(--accent); }
dl { margin: 0 0 .6rem; }
dt { font-weight: 600; }
dd { margin: 0; overflow-wrap: anywhere; }
li, label, code { overflow-wrap: anywhere; }
section { margin: 1.2rem 0; padding: 1rem 1.2rem; border: 1px solid var(--line); border-radius: .6rem; background: var(--card); }
ul { margin: .4rem 0; padding-left: 1.4rem; }
ul.clause { border-left: .25rem solid var(--line); padding-left: 1.6rem; }
fieldset { margin: .8rem 0; padding: .6rem 1rem; border: 1px solid var(--line); border-radius: .5rem; min-width: 0; }
fieldset.plain { border: 0; margin: 0; padding: 0; }
legend { font-weight: 600; padding: 0 .3rem; }
label { font-weight: 600; }
input:not([type=checkbox]):not([type=hidden]) { display: block; width: 100%; font: inherit; color: inherit; background: var(--back); border: 1px solid var(--field); border-radius: .4rem; padding: .45rem .7rem; min-height: 2.75rem; }
input[aria-invalid]:not([type=checkbox]) { border: 2px solid var(--danger); }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(17rem, 100%), 1fr)); gap: .4rem 1.2rem; }
.tick { display: grid; grid-template-columns: auto 1fr; gap: .7rem; margin: .5rem 0; align-items: start; }
.tick label, .scope label { font-weight: 400; }
input[type=checkbox] { width: 1.25rem; height: 1.25rem; margin: .2rem 0 0; accent-color: var(--accent); }
.scopes { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; }
.scope { display: inline-flex; gap: .5rem; min-width: 0; padding: .2rem 0; }
.hint { color: var(--quiet); font-size: .9rem; line-height: 1.4; margin: .2rem 0 .6rem; }
.error { color: var(--danger); font-weight: 600; margin: .2rem 0; }
.problem { background: var(--wrong); border-left: .25rem solid var(--danger); padding: .6rem .8rem; }
.warning { background: var(--warn); border-left: .25rem solid #b98900; padding: .6rem .8rem; }
.danger { color: var(--danger); font-weight: 600; white-space: nowrap; }
.tag { border: 1px solid var(--line); border-radius: 1rem; padding: .1rem .7rem; overflow-wrap: anywhere; }
.quiet { color: var(--quiet); overflow-wrap: anywhere; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
button.first { position: absolute; width: 1px; height: 1px; min-height: 0; overflow: hidden; clip-path: inset(50%); padding: 0; border: 0; }
summary { cursor: pointer; color: var(--accent); font-weight: 600; padding: .5rem 0; }
.buttons { display: flex; flex-wrap: wrap; gap: .8rem; margin-top: 1.2rem; }
button { font: inherit; font-weight: 600; padding: .6rem 1.2rem; min-height: 2.75rem; border-radius: .4rem; border: 2px solid var(--accent); background: var(--accent); color: var(--back); cursor: pointer; }
button.secondary { background: transparent; color: var(--accent); }
button.small { padding: .3rem .8rem; font-size: .95rem; }
button:focus-visible, a:focus-visible, input:focus-visible, summary:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.footer { margin-top: 2.5rem; border-top: 1px solid var(--line); color: var(--quiet); overflow-wrap: anywhere; }
)css";

}  // namespace mytoken::web
