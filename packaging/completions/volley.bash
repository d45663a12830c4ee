# Completion of volley and volleyd: verbs and options from the program's own --help, and files.
_volley() {
    local current=${COMP_WORDS[COMP_CWORD]} verbs=() word help
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        [[ $word == [a-z]* ]] && verbs+=("$word")
        [[ $word == -- ]] && break
    done
    # The first words that the program knows as verbs; what follows are arguments.
    help=$("${COMP_WORDS[0]}" "${verbs[@]:0:2}" --help 2>/dev/null) ||
        help=$("${COMP_WORDS[0]}" "${verbs[@]:0:1}" --help 2>/dev/null) ||
        help=$("${COMP_WORDS[0]}" --help 2>/dev/null) || return
    local options commands
    options=$(grep -oE '^  (-[A-Za-z],)?--[a-z-]+' <<<"$help" | grep -oE -- '--[a-z-]+')
    commands=$(sed -n '/^Subcommands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p' <<<"$help")
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current")
        [[ ${#COMPREPLY[@]} -eq 0 ]] && mapfile -t COMPREPLY < <(compgen -f -- "$current")
    fi
}
complete -o filenames -F _volley volley volleyd
