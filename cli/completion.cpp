#include "completion.hpp"

#include <algorithm>
#include <vector>

namespace volley::cli {

namespace {

struct Option {
    std::vector<std::string> names;    // "--limit", "-n"
    std::vector<std::string> choices;  // empty: any value
    bool takes_value = false;
    std::string meaning;
};

// A verb with what may follow it.
struct Node {
    std::string path;  // "dlq retry"; empty: the program itself
    std::string meaning;
    std::vector<std::pair<std::string, std::string>> verbs;  // name and meaning
    std::vector<Option> options;
    std::vector<std::string> choices;  // of its first argument
};

// The validator of a choice shows "{text,json}".
std::vector<std::string> choices_of(const CLI::Option& option) {
    const std::string type = option.get_type_name();
    const std::size_t open = type.find('{');
    const std::size_t close = type.find('}', open);
    std::vector<std::string> found;
    if (open == std::string::npos || close == std::string::npos) return found;
    std::string one;
    for (std::size_t i = open + 1; i <= close; ++i) {
        if (type[i] != ',' && type[i] != '}') {
            one += type[i];
            continue;
        }
        found.push_back(one);
        one.clear();
    }
    return found;
}

void collect(const CLI::App& app, const std::string& path, const std::vector<Option>& inherited,
             std::vector<Node>& nodes) {
    Node node{path, app.get_description(), {}, inherited, {}};
    for (const CLI::Option* option : app.get_options()) {
        if (option->get_positional()) {
            if (node.choices.empty()) node.choices = choices_of(*option);
            continue;
        }
        Option one{{}, choices_of(*option), option->get_items_expected_max() > 0, option->get_description()};
        for (const std::string& name : option->get_lnames()) one.names.push_back("--" + name);
        for (const std::string& name : option->get_snames()) one.names.push_back("-" + name);
        const bool is_known = std::any_of(node.options.begin(), node.options.end(),
                                          [&](const Option& o) { return o.names == one.names; });
        if (!is_known) node.options.push_back(std::move(one));
    }
    const auto verbs = app.get_subcommands([](const CLI::App*) { return true; });
    for (const CLI::App* verb : verbs) node.verbs.emplace_back(verb->get_name(), verb->get_description());
    const std::size_t at = nodes.size();
    nodes.push_back(std::move(node));
    const std::vector<Option> passed = nodes[at].options;
    for (const CLI::App* verb : verbs)
        collect(*verb, path.empty() ? verb->get_name() : path + " " + verb->get_name(), passed, nodes);
}

std::string joined(const std::vector<std::string>& words) {
    std::string all;
    for (const std::string& word : words) all += (all.empty() ? "" : " ") + word;
    return all;
}

// In single quotes of a shell.
std::string in_shell_quotes(const std::string& text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : c == '\n' ? " " : std::string(1, c);
    return out + "'";
}

// For bash and zsh: tables by path, and by path and option.
std::string tables(const std::vector<Node>& nodes) {
    std::string verbs, options, values, choices;
    for (const Node& node : nodes) {
        std::vector<std::string> names;
        for (const auto& [name, meaning] : node.verbs) names.push_back(name);
        // A key may not be empty in all shells.
        const std::string key = "'/" + node.path + "'";
        if (!names.empty()) verbs += "        [" + key + "]=" + in_shell_quotes(joined(names)) + "\n";
        if (!node.choices.empty())
            choices += "        [" + key + "]=" + in_shell_quotes(joined(node.choices)) + "\n";
        std::vector<std::string> all;
        for (const Option& option : node.options) {
            for (const std::string& name : option.names) {
                all.push_back(name);
                if (option.takes_value)
                    values += "        ['/" + node.path + " " + name +
                              "']=" + in_shell_quotes(joined(option.choices)) + "\n";
            }
        }
        options += "        [" + key + "]=" + in_shell_quotes(joined(all)) + "\n";
    }
    return "    local -A verbs=(\n" + verbs + "    )\n    local -A options=(\n" + options +
           "    )\n    local -A values=(\n" + values + "    )\n    local -A choices=(\n" + choices +
           "    )\n";
}

std::string bash(const std::vector<Node>& nodes) {
    return "# Completion of volley for bash: `volley completion bash` writes it.\n_volley() {\n" +
           tables(nodes) +
           R"script(    local at=/ word want i arguments=0 current=${COMP_WORDS[COMP_CWORD]}
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ -n $want ]]; then
            [[ $word == = ]] || want=
        elif [[ $word == -* ]]; then
            [[ -v values["$at $word"] ]] && want="$at $word"
        elif [[ " ${verbs[$at]} " == *" $word "* ]]; then
            [[ $at == / ]] && at=/$word || at="$at $word"
        else
            ((arguments++))
        fi
    done
    local words=
    COMPREPLY=()
    [[ $current == = ]] && current=
    if [[ -n $want ]]; then
        words=${values[$want]}
    elif [[ $current == -* ]]; then
        words=${options[$at]}
    elif [[ -n ${verbs[$at]} ]]; then
        words=${verbs[$at]}
    elif ((arguments == 0)); then
        words=${choices[$at]}
    fi
    if [[ -n $words ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    elif [[ $current != -* ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    fi
}
complete -o filenames -F _volley volley
)script";
}

std::string zsh(const std::vector<Node>& nodes) {
    return "#compdef volley\n# Completion of volley for zsh: `volley completion zsh` writes it.\n_volley() "
           "{\n" +
           tables(nodes) + R"script(    local at=/ word want= i arguments=0
    for ((i = 2; i < CURRENT; i++)); do
        word=$words[i]
        if [[ -n $want ]]; then
            want=
        elif [[ $word == -* ]]; then
            (( ${+values[$at $word]} )) && want="$at $word"
        elif [[ " $verbs[$at] " == *" $word "* ]]; then
            [[ $at == / ]] && at=/$word || at="$at $word"
        else
            (( arguments++ ))
        fi
    done
    local list=
    if [[ -n $want ]]; then
        list=$values[$want]
    elif [[ $PREFIX == -* ]]; then
        list=$options[$at]
    elif [[ -n $verbs[$at] ]]; then
        list=$verbs[$at]
    elif (( arguments == 0 )); then
        list=$choices[$at]
    fi
    if [[ -n $list ]]; then
        compadd -- ${=list}
    else
        _files
    fi
}
if [[ $funcstack[1] == _volley ]]; then _volley "$@"; else compdef _volley volley; fi
)script";
}

// In double quotes of fish.
std::string fish(const std::vector<Node>& nodes) {
    std::string out =
        "# Completion of volley for fish: `volley completion fish` writes it.\n"
        "function __volley_at\n"
        "    set -l words\n"
        "    for word in (commandline -opc)[2..-1]\n"
        "        string match -q -- '-*' $word; or set -a words $word\n"
        "    end\n"
        "    set -l path (string split ' ' -- $argv[1])\n"
        "    test -z \"$argv[1]\"; and set path\n"
        "    test (count $words) -ge (count $path); or return 1\n"
        "    set -q argv[2]; and test (count $words) -ne (count $path); and return 1\n"
        "    for i in (seq (count $path))\n"
        "        test $words[$i] = $path[$i]; or return 1\n"
        "    end\n"
        "end\n";
    for (const Node& node : nodes) {
        const std::string at = "complete -c volley -n \"__volley_at '" + node.path + "'";
        for (const auto& [name, meaning] : node.verbs)
            out += at + " exact\" -f -a " + name + " -d " + in_shell_quotes(meaning) + "\n";
        if (!node.choices.empty())
            out += at + " exact\" -f -a " + in_shell_quotes(joined(node.choices)) + "\n";
        for (const Option& option : node.options) {
            out += at + "\"";
            for (const std::string& name : option.names)
                out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
            if (option.takes_value)
                out += option.choices.empty() ? " -r" : " -x -a " + in_shell_quotes(joined(option.choices));
            out += " -d " + in_shell_quotes(option.meaning) + "\n";
        }
    }
    return out;
}

}  // namespace

std::string completion_script(const CLI::App& app, const std::string& shell) {
    std::vector<Node> nodes;
    collect(app, {}, {}, nodes);
    if (shell == "zsh") return zsh(nodes);
    return shell == "fish" ? fish(nodes) : bash(nodes);
}

}  // namespace volley::cli
