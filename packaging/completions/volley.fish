# Verbs and options from the program's own --help.
function __volley_help
    set -l words (commandline -opc)
    set -l verb (string match -r '^[a-z].*' -- $words[2..-1])[1]
    $words[1] $verb --help 2>/dev/null; or $words[1] --help 2>/dev/null
end
function __volley_verbs
    __volley_help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z][a-z-]*\)  *\(.*\)/\1\t\2/p'
end
function __volley_options
    __volley_help | grep -oE '^  (-[A-Za-z],)?--[a-z-]+' | grep -oE -- '--[a-z-]+'
end
complete -c volley -a '(__volley_verbs)'
complete -c volley -n 'string match -q -- "-*" (commandline -ct)' -a '(__volley_options)'
complete -c volleyd -n 'string match -q -- "-*" (commandline -ct)' -a '(__volley_options)'
