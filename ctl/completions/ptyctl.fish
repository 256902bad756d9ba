# SPDX-License-Identifier: LGPL-2.1-or-later
# fish completion for ptyctl(1)

set -l verbs new attach detach run list status send capture wait terminate kill restart drain queue health metrics monitor web

function __ptyctl_sessions --description 'Names of sessions; with an argument, of those that live'
    ptyctl list --quiet --no-pager 2>/dev/null | awk -v living="$argv[1]" '
        NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
        NF && (living == "" || $column["STATE"] ~ /^(starting|active|idle|stopping)$/) {
            print (("USER" in column) ? $column["USER"] "/" : "") $column["NAME"] "\t" $column["STATE"]
        }'
end

function __ptyctl_queued --description 'Ids of requests that are pending'
    ptyctl queue --quiet --no-pager 2>/dev/null | awk '/ pending / { print $1 }'
end

complete -c ptyctl -f
complete -c ptyctl -l socket -r -F -d "The daemon's socket"
complete -c ptyctl -l user -d "Talk to the user's own daemon"
complete -c ptyctl -l system -d "Talk to the system's daemon"
complete -c ptyctl -l json -x -a 'pretty short off' -d 'Print JSON'
complete -c ptyctl -l no-pager -d 'Do not pipe long output into a pager'
complete -c ptyctl -s q -l quiet -d 'Print no hints and footers'
complete -c ptyctl -l version -d 'Print the version'
complete -c ptyctl -s h -l help -d 'Print help'

set -l no_verb "not __fish_seen_subcommand_from $verbs"
complete -c ptyctl -n "$no_verb" -a new -d 'Create a session and attach to it'
complete -c ptyctl -n "$no_verb" -a attach -d 'Join this terminal to a session'
complete -c ptyctl -n "$no_verb" -a detach -d 'Detach all clients of a session'
complete -c ptyctl -n "$no_verb" -a run -d "Host a session in the foreground, for a unit"
complete -c ptyctl -n "$no_verb" -a list -d 'List sessions'
complete -c ptyctl -n "$no_verb" -a status -d 'Show one session and its last lines'
complete -c ptyctl -n "$no_verb" -a send -d 'Type text into a session'
complete -c ptyctl -n "$no_verb" -a capture -d 'Print what a session has printed'
complete -c ptyctl -n "$no_verb" -a wait -d "Wait for a session's end"
complete -c ptyctl -n "$no_verb" -a terminate -d 'End sessions in order'
complete -c ptyctl -n "$no_verb" -a kill -d 'Send a signal to all processes of sessions'
complete -c ptyctl -n "$no_verb" -a restart -d "Run a session's command again"
complete -c ptyctl -n "$no_verb" -a drain -d 'Take in no new sessions, let the running ones finish'
complete -c ptyctl -n "$no_verb" -a queue -d 'List requests that wait for the end of a drain'
complete -c ptyctl -n "$no_verb" -a health -d 'Show how the daemon is'
complete -c ptyctl -n "$no_verb" -a metrics -d 'Print counters and gauges'
complete -c ptyctl -n "$no_verb" -a monitor -d 'Show what happens, as it happens'
complete -c ptyctl -n "$no_verb" -a web -d 'Print an address that opens the sessions in a browser'

set -l living '__fish_seen_subcommand_from attach detach send kill terminate'
complete -c ptyctl -n "$living" -a '(__ptyctl_sessions living)'
complete -c ptyctl -n '__fish_seen_subcommand_from status capture wait restart' -a '(__ptyctl_sessions)'

set -l creates '__fish_seen_subcommand_from new run'
complete -c ptyctl -n "$creates" -l size -x -d 'Size of the terminal, ROWSxCOLUMNS'
complete -c ptyctl -n "$creates" -l cwd -x -a '(__fish_complete_directories)' -d 'Folder to run in'
complete -c ptyctl -n "$creates" -l env -x -a '(set --names --export)' -d 'Set a variable, or pass one on'
complete -c ptyctl -n "$creates" -l stop-input -x -d 'Line to type when the session is to end'
complete -c ptyctl -n "$creates" -l stop-timeout -x -d 'From asking it to end to SIGKILL'
complete -c ptyctl -n "$creates" -l scrollback -x -d 'How much output to keep'
complete -c ptyctl -n '__fish_seen_subcommand_from new' -s d -l detach -d "Do not attach"
complete -c ptyctl -n '__fish_seen_subcommand_from new' -l on-drain -x -a 'wait terminate' -d 'What a drain does to it'
complete -c ptyctl -n '__fish_seen_subcommand_from new' -l queue -d 'If the daemon drains, start it later'
complete -c ptyctl -n '__fish_seen_subcommand_from run' -l name -x -d 'Name of the session'
complete -c ptyctl -n '__fish_seen_subcommand_from attach' -l read-only -d 'Only watch'
complete -c ptyctl -n '__fish_seen_subcommand_from attach' -l steal -d 'Detach all other clients'
complete -c ptyctl -n '__fish_seen_subcommand_from attach' -l restore -x -a 'screen tail none' -d 'What of the past is shown'
complete -c ptyctl -n '__fish_seen_subcommand_from attach' -l no-restore -d 'Show nothing of the past'
complete -c ptyctl -n '__fish_seen_subcommand_from capture' -l lines -x -d 'Only the last lines'
complete -c ptyctl -n '__fish_seen_subcommand_from capture' -l screen -d 'What its terminal shows, as text'
complete -c ptyctl -n '__fish_seen_subcommand_from capture' -l text -d 'All that it has printed, as text'
complete -c ptyctl -n '__fish_seen_subcommand_from capture' -l colour -d 'With colours and attributes'
complete -c ptyctl -n '__fish_seen_subcommand_from kill' -s s -l signal -x -a 'SIGTERM SIGHUP SIGINT SIGQUIT SIGKILL SIGUSR1 SIGUSR2 SIGSTOP SIGCONT SIGTSTP SIGWINCH' -d 'Name or number'
complete -c ptyctl -n '__fish_seen_subcommand_from drain' -l grace -x -d 'How long sessions may take to finish'
complete -c ptyctl -n '__fish_seen_subcommand_from drain' -l exit -d 'Then let the daemon exit'
complete -c ptyctl -n '__fish_seen_subcommand_from drain' -l no-block -d 'Do not wait for the end'
complete -c ptyctl -n '__fish_seen_subcommand_from drain' -l cancel -d 'End the drain'
complete -c ptyctl -n '__fish_seen_subcommand_from queue' -l remove -x -a '(__ptyctl_queued)' -d 'Withdraw a request'
set -l web '__fish_seen_subcommand_from web'
complete -c ptyctl -n "$web" -l read-only -d 'It may only look'
complete -c ptyctl -n "$web" -l session -x -a '(__ptyctl_sessions living)' -d 'It may see this session alone'
complete -c ptyctl -n "$web" -l expires -x -d 'For how long it is good'
complete -c ptyctl -n "$web" -l url -x -d 'Where the gateway is'
complete -c ptyctl -n "$web" -l token -d 'A token for programs instead'
complete -c ptyctl -n "$web" -l list -d 'List who may come in'
complete -c ptyctl -n "$web" -l revoke -x -a 'all' -d 'Withdraw one, or all'
