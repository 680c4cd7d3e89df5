# Completion of pfcache for bash. The program itself knows what may follow.
_pfcache() {
  local IFS=$'\n' line
  local -a lines
  mapfile -t lines < <("$1" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  COMPREPLY=()
  for line in "${lines[@]:1}"; do COMPREPLY+=("${line%%$'\t'*}"); done
  case ${lines[0]} in
    files) compopt -o default ;;
    directories) compopt -o dirnames ;;
  esac
}
complete -F _pfcache pfcache
