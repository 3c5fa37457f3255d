# shellcheck shell=bash
# Functions shared by the scripts of this folder: paths, messages, Python environments, packages.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
quiet=${quiet:-false}

say() { $quiet || printf '%s\n' "$*" >&2; }

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# Downloads and build products of all clones of a user.
cache_dir() { printf '%s\n' "${XDG_CACHE_HOME:-$HOME/.cache}/job-market"; }

# A fixed path inside the clone, so that a committed .cargo/config.toml can point into the cache.
ensure_cache_link() {
  local link="$repository/.cache" cache
  cache=$(cache_dir)
  # A cargo that ran before setup creates a folder here that contains only its target folder.
  if [[ -d $link && ! -L $link && $(ls -A "$link") == target ]]; then
    rm -rf "$link"
  fi
  if [[ -e $link && ! -L $link ]]; then
    die "invalid $link: expected a link to $cache; move it away and run this again"
  fi
  [[ $(readlink "$link" || true) == "$cache" ]] || ln -sfn "$cache" "$link"
}

# One target folder for all clones: a fresh clone does not compile everything again. RUSTFLAGS would override the flags
# that the repository sets.
export_build_environment() {
  unset RUSTFLAGS
  export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$(cache_dir)/target}"
}

# build_programs [CARGO OPTION…]: builds the workspace, then unsets the variables that its programs read: the scripts set
# what they need themselves.
build_programs() {
  local program names
  cargo build --quiet --workspace "$@"
  for program in embed-new-jobs build-vector-index similar-jobs train-models batch-predict; do
    names=$("$CARGO_TARGET_DIR/debug/$program" --config --names)
    # shellcheck disable=SC2086 # One name a word.
    unset $names
  done
}

# Holds a lock while a script builds and runs programs: clones share the target folder, so another clone's build would
# replace the programs that are being tested.
lock_build() {
  exec 8>"$(cache_dir)/.build.lock"
  flock --nonblock 8 || { say "waiting for another clone to finish" && flock 8; }
}

# sha256_of FILE
sha256_of() { sha256sum "$1" | cut -d' ' -f1; }

# require_sha256 FILE EXPECTED WHAT
require_sha256() {
  local actual
  actual=$(sha256_of "$1")
  [[ $actual == "$2" ]] || die "$3: the download has sha256 $actual, expected $2"
}

# is_current FOLDER REQUIREMENTS: whether the Python environment is complete and its Python exists.
is_current() {
  [[ $(cat "$1/.stamp" 2>/dev/null || true) == "$(sha256_of "$2")" && -x $1/bin/python ]]
}

# ensure_venv FOLDER REQUIREMENTS [PYTHON [PIP OPTION…]]: a Python environment, created again when the requirements
# change. A venv contains its own path, so it is created in place; the stamp is written last and marks it as complete.
ensure_venv() {
  local folder=$1 requirements=$2 python=${3:-python3} options=("${@:4}")
  ! is_current "$folder" "$requirements" || return 0
  rm -rf "$folder"
  "$python" -m venv "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check "${options[@]}" --requirement "$requirements"
  sha256_of "$requirements" >"$folder/.stamp"
}

# need_commands PACKAGE:COMMAND…: installs missing packages with apt-get; without the permission it prints the command.
need_commands() {
  local pair missing=() sudo=()
  for pair in "$@"; do
    command -v "${pair#*:}" >/dev/null || missing+=("${pair%%:*}")
  done
  # Debian's python3 comes without ensurepip, which venv needs.
  if [[ " $* " == *" python3:python3 "* ]] && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    missing+=(python3-venv)
  fi
  ((${#missing[@]})) || return 0
  if ((EUID != 0)); then
    sudo=(sudo)
    sudo -n true 2>/dev/null || die "missing: ${missing[*]}; ask an administrator for: apt-get install ${missing[*]}"
  fi
  command -v apt-get >/dev/null || die "missing: ${missing[*]}; install them with this system's package manager"
  say "installing ${missing[*]}"
  "${sudo[@]}" apt-get update -qq >&2
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# want_commands WHAT PACKAGE:COMMAND…: the same, but reports WHAT as left out if they cannot be installed.
want_commands() {
  (need_commands "${@:2}") || say "$1: left out"
}
