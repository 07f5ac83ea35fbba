# The commands.

main() {
    local command=${1:-help}
    [[ $# -eq 0 ]] || shift
    case $command in
        parts) get_parts ;;
        build) get_parts && build ;;
        *) say "unknown command '$command'" && exit 2 ;;
    esac
}
