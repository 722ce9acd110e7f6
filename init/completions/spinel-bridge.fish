# fish reads the options, and what they mean, out of "spinel-bridge --help".
function __spinel_bridge_options
    # An option, its value, and the first line of what it does; that line may be the next one.
    spinel-bridge --help 2>/dev/null | string match -r '^  (?:-., )?--[a-z-]+.*' | string replace -r '^  (?:-., )?(--[a-z-]+)\S*(?: [A-Z[]\S*)?\s*(.*)' '$1\t$2'
end
complete -c spinel-bridge -n 'string match -q -- "-*" (commandline -ct)' -f -a '(__spinel_bridge_options)'
complete -c spinel-bridge -n 'not string match -q -- "-*" (commandline -ct)' -a 'sim: (path filter --type char /dev/spidev* 2>/dev/null)'
complete -c spinel-bridge -l spi-crc -x -a 'auto on off'
complete -c spinel-bridge -l log -x -a 'auto stderr syslog none file:'
