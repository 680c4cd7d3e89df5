# Completion of mount.pfcache for bash. The program itself knows what may follow.
_mount_pfcache() {
  local line=${COMP_LINE:0:COMP_POINT} known
  local -a typed lines
  read -ra typed <<< "$line"
  [[ $line == *[[:space:]] ]] && typed+=("")
  mapfile -t lines < <("$1" --complete "${typed[@]:1}" 2>/dev/null)
  # Of a word with = in it bash completes what stands behind that, its second argument.
  known=${typed[-1]%"$2"}
  COMPREPLY=()
  for line in "${lines[@]:1}"; do
    line=${line%%$'\t'*}
    COMPREPLY+=("${line#"$known"}")
  done
  case ${lines[0]} in
    list) compopt -o nospace ;;
    list-directories) compopt -o nospace -o plusdirs ;;
    files) compopt -o default ;;
    directories) compopt -o dirnames ;;
  esac
}
complete -F _mount_pfcache mount.pfcache mount.fuse.pfcache
