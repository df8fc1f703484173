# osso: what Tab completes in fish (osso completion fish). What may stand on the line is the program's to say.
function __osso_complete
    set -l words (commandline -opc)
    set -l program (string replace -r '^~(?=/)' $HOME -- $words[1])
    set -l current (commandline -ct)
    set -l value (string replace -r '^--[^=]*=' '' -- "$current")
    set -l kept (string sub -l (math (string length -- "$current") - (string length -- "$value")) -- "$current")
    for line in ($program __complete $words[2..-1] "$current" 2>/dev/null)
        switch $line
            case ':files'
                for path in (__fish_complete_path "$value")
                    echo "$kept$path"
                end
            case ':folders'
                for path in (__fish_complete_directories "$value")
                    echo "$kept$path"
                end
            case '*'
                echo $line
        end
    end
end
complete -c osso -f -k -a '(__osso_complete)'
