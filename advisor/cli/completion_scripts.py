"""A tree of commands as a completion script of each shell; no shell is started, nothing is asked when completing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from advisor.cli.completion_tree import Node, Value


def bash_script(tree: Node) -> str:
    """For bash 3.2 and later."""
    nodes = list(tree.walk())
    values = [
        f"    {_patterns(f'{node.path} {name}' for name in option.names)}) {_bash_value(option.value)} return ;;"
        for node in nodes
        for option in node.options
        if option.value is not None
    ]
    rest = [f"    {_quoted(node.path)}) {_bash_rest(node)} ;;" for node in nodes]
    return "\n".join([
        "# bash completion for advisor",
        "_advisor_files() {",
        "  local IFS=$'\\n'",
        "  type compopt >/dev/null 2>&1 && compopt -o filenames 2>/dev/null",
        '  COMPREPLY+=( $(compgen -f -- "$1") )',
        "}",
        "_advisor() {",
        '  local cur="${COMP_WORDS[COMP_CWORD]}" prev="" at=advisor skip=0 i word',
        "  COMPREPLY=()",
        "  for ((i = 1; i < COMP_CWORD; i++)); do",
        '    word="${COMP_WORDS[i]}"',
        '    if [ "$word" = "=" ]; then continue; fi',
        '    prev="$word"',
        "    if [ $skip = 1 ]; then skip=0; prev=''; continue; fi",
        '    case "$at $word" in',
        f"      {_patterns(node.path for node in nodes[1:])}) at=\"$at $word\" ;;",
        f"      {_patterns(_taking(nodes))}) skip=1 ;;",
        "    esac",
        "  done",
        '  if [ "$cur" = "=" ]; then cur=""; fi',
        '  case "$at $prev" in',
        *values,
        "  esac",
        '  case "$at" in',
        *rest,
        "  esac",
        "}",
        "complete -F _advisor advisor",
        "",
    ])  # fmt: skip


def _bash_value(value: Value) -> str:
    parts = []
    if value.words:
        parts.append(f'COMPREPLY=( $(compgen -W {_quoted(" ".join(value.words))} -- "$cur") );')
    if value.files:
        parts.append('_advisor_files "$cur";')
    return " ".join(parts)


def _bash_rest(node: Node) -> str:
    names = [name for option in node.options for name in option.names]
    first = [child.name for child in node.children] + list(node.positional.words)
    words = f'COMPREPLY=( $(compgen -W {_quoted(" ".join([*first, *names]))} -- "$cur") );'
    files = ' case "$cur" in -*) ;; *) _advisor_files "$cur" ;; esac' if node.positional.files else ""
    return words + files


def zsh_script(tree: Node) -> str:
    """For zsh with compinit."""
    nodes = list(tree.walk())
    values = [
        f"    {_patterns(f'{node.path} {name}' for name in option.names)}) {_zsh_value(option.value)} return ;;"
        for node in nodes
        for option in node.options
        if option.value is not None
    ]
    lines = [
        "#compdef advisor",
        "_advisor() {",
        '  local at=advisor before="" word skip=0',
        "  local -a entries",
        "  for word in ${words[2,$((CURRENT - 1))]}; do",
        '    before="$word"',
        "    if (( skip )); then skip=0; before=''; continue; fi",
        '    case "$at $word" in',
        f"      {_patterns(node.path for node in nodes[1:])}) at=\"$at $word\" ;;",
        f"      {_patterns(_taking(nodes))}) skip=1 ;;",
        "    esac",
        "  done",
        '  case "$at $before" in',
        *values,
        "  esac",
        '  case "$at" in',
    ]
    for node in nodes:
        entries = [(child.name, child.help) for child in node.children]
        entries += [(word, "") for word in node.positional.words]
        entries += [(name, option.help) for option in node.options for name in option.names]
        lines.append(f"    {_quoted(node.path)})")
        lines.append("      entries=(")
        lines += [f"        {_quoted(_described(word, about))}" for word, about in entries]
        lines.append("      )")
        lines.append("      _describe -t commands 'advisor' entries")
        if node.positional.files:
            lines.append("      _files")
        lines.append("      ;;")
    return "\n".join([*lines, "  esac", "}", 'if [ "$funcstack[1]" = "_advisor" ]; then', '  _advisor "$@"', "else",
                      "  compdef _advisor advisor", "fi", ""])  # fmt: skip


def _zsh_value(value: Value) -> str:
    words = f"compadd -- {' '.join(map(_quoted, value.words))};" if value.words else ""
    return words + (" _files;" if value.files else "")


def _described(word: str, about: str) -> str:
    escaped = word.replace("\\", "\\\\").replace(":", "\\:")
    return f"{escaped}:{about}" if about else escaped


def fish_script(tree: Node) -> str:
    """For fish 3 and later."""
    nodes = list(tree.walk())
    paths = " ".join(_fish(node.path) for node in nodes[1:])
    taking = " ".join(_fish(option) for option in _taking(nodes))
    lines = [
        "# fish completion for advisor",
        f"set -g __advisor_commands {paths}",
        f"set -g __advisor_taking {taking}",
        "function __advisor_at",
        "    set -l at advisor",
        "    set -l skip 0",
        "    for word in (commandline -opc)[2..-1]",
        "        if test $skip = 1",
        "            set skip 0",
        '        else if contains -- "$at $word" $__advisor_commands',
        '            set at "$at $word"',
        '        else if contains -- "$at $word" $__advisor_taking',
        "            set skip 1",
        "        end",
        "    end",
        '    test "$at" = "$argv[1]"',
        "end",
        "complete -c advisor -f",
    ]
    for node in nodes:
        here = _fish(f"__advisor_at {_fish(node.path)}")
        lines += [f"complete -c advisor -n {here} {rest}" for rest in _fish_of(node)]
    return "\n".join([*lines, ""])


def _fish_of(node: Node) -> Iterator[str]:
    for child in node.children:
        yield f"-a {_fish(child.name)} -d {_fish(child.help)}"
    if node.positional.words:
        yield f"-a {_fish(' '.join(node.positional.words))}"
    if node.positional.files:
        yield "-F"
    for option in node.options:
        names = " ".join(f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}" for n in option.names)
        value = ""
        if option.value is not None:
            value = " -r" if option.value.files else " -x"
            if option.value.words:
                value += f" -a {_fish(' '.join(option.value.words))}"
            if option.value.files:
                value += " -F"
        yield f"{names}{value} -d {_fish(option.help)}"


def _taking(nodes: Iterable[Node]) -> list[str]:
    """Options that take the next word, each behind its command."""
    return [f"{n.path} {name}" for n in nodes for o in n.options if o.value is not None for name in o.names]


def _patterns(words: Iterable[str]) -> str:
    return "|".join(map(_quoted, words))


def _quoted(text: str) -> str:
    """A word that a POSIX shell takes literally."""
    return "'" + text.replace("'", "'\\''") + "'"


def _fish(text: str) -> str:
    """A word that fish takes literally."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
