"""`advisor completion bash|zsh|fish`: scripts read off the parser itself, so that they cannot disagree with it."""

from __future__ import annotations

import argparse
from typing import Any

SHELLS = ("bash", "zsh", "fish")

_EXAMPLES = """\
where to put it:
  bash   advisor completion bash > ~/.local/share/bash-completion/completions/advisor
  zsh    advisor completion zsh > ~/.zfunc/_advisor        (with ~/.zfunc in fpath, before compinit)
  fish   advisor completion fish > ~/.config/fish/completions/advisor.fish

Names of profiles are those of the day on which the script was written; write it again after an upgrade.
"""


def add_completion_parser(subparsers: Any) -> None:
    """`advisor completion SHELL`."""
    parser = subparsers.add_parser(
        "completion", help="completion script for a shell", allow_abbrev=False, epilog=_EXAMPLES,
        description="Print a script that completes commands, options and their values.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")
    parser.set_defaults(func=run_completion)


def run_completion(args: argparse.Namespace) -> int:
    """Print the script."""
    from advisor.cli.completion_scripts import bash_script, fish_script, zsh_script
    from advisor.cli.completion_tree import tree_of
    from advisor.cli.main import build_parser
    from advisor.profiles.locate import list_profiles
    from advisor.report.output import write_result

    tree = tree_of(build_parser(), [entry.name for entry in list_profiles()])
    script = {"bash": bash_script, "zsh": zsh_script, "fish": fish_script}[args.shell]
    write_result(script(tree), None)
    return 0
