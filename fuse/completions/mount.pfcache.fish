# Completion of mount.pfcache for fish. The program itself knows what may follow.
function __mount_pfcache_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l lines (command $words[1] --complete $words[2..-1] "$typed" 2>/dev/null)
    test (count $lines) -gt 1; and printf '%s\n' $lines[2..-1]
    switch "$lines[1]"
        case files
            __fish_complete_path "$typed"
        case directories
            __fish_complete_directories "$typed"
        case list-directories
            set -l parts (string match -r '^(.*=)(.*)$' -- "$typed")
            string replace -r '^' -- $parts[2] (__fish_complete_directories "$parts[3]")
    end
end
complete -c mount.pfcache -f -a '(__mount_pfcache_complete)'
complete -c mount.fuse.pfcache -f -a '(__mount_pfcache_complete)'
