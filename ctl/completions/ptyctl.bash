# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion for ptyctl(1)

# Sessions of the daemon that the words so far choose: all, or with an argument those in these states.
_ptyctl_sessions() {
    local -a daemon=()
    local i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --user | --system) daemon+=("${COMP_WORDS[i]}") ;;
            --socket) daemon+=(--socket "${COMP_WORDS[i + 1]}") ;;
        esac
    done
    ptyctl "${daemon[@]}" list --quiet --no-pager 2>/dev/null |
        awk -v states="${1:-}" '
            NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
            NF && (states == "" || index(states, $column["STATE"])) {
                print (("USER" in column) ? $column["USER"] "/" : "") $column["NAME"]
            }'
}

_ptyctl() {
    local -r verbs='new attach detach run list status send capture wait terminate kill restart drain
        queue health metrics monitor web'
    local -r global='--socket --user --system --json --no-pager --quiet --version --help'
    local -r create='--size --cwd --env --stop-input --stop-timeout --scrollback'
    local -r living='starting active idle stopping'
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb='' i
    COMPREPLY=()

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --)
                # A command and its arguments.
                _command_offset $((i + 1)) 2>/dev/null ||
                    mapfile -t COMPREPLY < <(compgen -c -- "$current")
                return
                ;;
            --socket | --json | --size | --cwd | --env | --stop-input | --stop-timeout | --scrollback | \
                --restore | --on-drain | --lines | --grace | --signal | -s | --name | --remove | --session | --expires | --url | --revoke) ((i++)) ;;
            -*) ;;
            *) [ -n "$verb" ] || verb=${COMP_WORDS[i]} ;;
        esac
    done

    local words=''
    case $previous in
        --socket)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        --cwd)
            mapfile -t COMPREPLY < <(compgen -d -- "$current")
            return
            ;;
        --json) words='pretty short off' ;;
        --on-drain) words='wait terminate' ;;
        --restore) words='screen tail none' ;;
        --env)
            mapfile -t COMPREPLY < <(compgen -v -- "$current")
            return
            ;;
        --signal | -s) words=$(compgen -A signal | grep ^SIG) ;;
        --remove) words=$(ptyctl queue --quiet --no-pager 2>/dev/null | awk '/ pending / { print $1 }') ;;
        --size | --stop-input | --stop-timeout | --scrollback | --lines | --grace | --name | --expires | --url) return ;;
        --session) words=$(_ptyctl_sessions "$living") ;;
        --revoke) words="all $(ptyctl web --list 2>/dev/null | awk 'NR > 1 { print $1 }')" ;;
        *)
            case $verb:$current in
                :-*) words=$global ;;
                :*) words=$verbs ;;
                new:-*) words="--detach --on-drain --queue $create $global" ;;
                run:-*) words="--name $create $global" ;;
                attach:-*) words="--read-only --steal --restore --no-restore $global" ;;
                capture:-*) words="--lines --screen --text --colour $global" ;;
                kill:-*) words="--signal $global" ;;
                drain:-*) words="--grace --exit --no-block --cancel $global" ;;
                queue:-*) words="--remove $global" ;;
                web:-*) words="--read-only --session --expires --url --token --list --revoke $global" ;;
                *:-*) words=$global ;;
                attach:* | detach:* | send:* | kill:* | terminate:*) words=$(_ptyctl_sessions "$living") ;;
                status:* | capture:* | wait:* | restart:*) words=$(_ptyctl_sessions) ;;
            esac
            ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _ptyctl ptyctl
