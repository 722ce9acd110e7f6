# shellcheck shell=bash
# Completes spinel-bridge by what its --help says: options, their words, and files where a value is one.
_spinel_bridge() {
    local word=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]} help line words
    COMPREPLY=()
    help=$("${COMP_WORDS[0]}" --help 2>/dev/null) || return
    # bash takes "--log=auto" for three words.
    [[ $word != '=' ]] || word=
    [[ $option != '=' ]] || option=${COMP_WORDS[COMP_CWORD - 2]}
    if [[ $option == -* && $word != -* ]]; then
        line=$(grep -m 1 -E -- "^  (-., )?${option}[ []" <<<"$help")
        case $line in
        *'=yes|no]'*) words='yes no' ;;
        *' auto|on|off '*) words='auto on off' ;;
        *' TARGET '*) words='auto stderr syslog none file:' ;;
        *" $option N "* | *" $option NAME"* | *', '*' LINE '*) return ;; # a number or a name that nobody knows
        esac
    fi
    if [[ -n $words ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    elif [[ $word == -* ]]; then
        words=$(grep -oE '^  (-., )?--[a-z-]+' <<<"$help" | grep -oE -- '--[a-z-]+')
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    elif [[ $option == --* && $option != --stdio && $option != --raw && $option != --check ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    else
        words="sim: $(compgen -G '/dev/spidev*')"
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    fi
}

complete -o filenames -F _spinel_bridge spinel-bridge
