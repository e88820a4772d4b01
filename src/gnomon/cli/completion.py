"""gnomon completion: a script that makes a shell complete verbs, flags and names."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.cli.arguments import Parser

# Each asks `gnomon complete` with the words so far, and leaves file names to the shell where that knows nothing.
SCRIPTS = {
    "bash": """\
# gnomon completion bash > ~/.local/share/bash-completion/completions/gnomon
_gnomon() {
    local IFS=$'\\n'
    COMPREPLY=($(gnomon complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _gnomon gnomon
""",
    "zsh": """\
#compdef gnomon
# gnomon completion zsh > a folder of $fpath, as _gnomon
_gnomon() {
    local -a found
    found=(${(f)"$(gnomon complete "${(@Q)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)"})
    if (( $#found )); then
        compadd -- $found
    else
        compset -P '--*='
        compset -P '*,'
        _files
    fi
}
if [[ $funcstack[1] == _gnomon ]]; then _gnomon "$@"; else compdef _gnomon gnomon; fi
""",
    "fish": """\
# gnomon completion fish > ~/.config/fish/completions/gnomon.fish
function __gnomon_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l found (gnomon complete $words[2..-1] (string trim -lc '"\\'' -- $word) 2>/dev/null)
    if set -q found[1]
        printf '%s\\n' $found
    else
        set -l start (string match -r -- '^(?:--[^=]*=)?(?:.*,)?' $word)
        printf '%s\\n' $start(__fish_complete_path (string sub -s (math (string length -- $start) + 1) -- $word))
    end
end
complete -c gnomon -f -a '(__gnomon_complete)'
""",
}


def parser() -> Parser:
    """The arguments."""
    parser = Parser(
        "completion",
        "A script that makes your shell complete verbs, flags, models, devices, systems, accelerators and scenarios.",
        "gnomon completion bash > ~/.local/share/bash-completion/completions/gnomon",
    )
    parser.add_argument("shell", metavar="SHELL", choices=tuple(SCRIPTS), help=", ".join(SCRIPTS))
    return parser


def run(arguments: Sequence[str]) -> int:
    """Print the script."""
    print(SCRIPTS[parser().read(arguments).shell], end="")
    return 0
