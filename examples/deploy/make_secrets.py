"""Make the secrets that compose.yaml and kubernetes/ ask for, in the folder ``secrets``.

    python3 examples/deploy/make_secrets.py

A secret that is there already is kept. To change one, delete its file, run this again and
roll the app. Redis gets nothing but the digests of passwords.
"""

import hashlib
import re
import secrets
from pathlib import Path

HERE = Path(__file__).parent


def main(folder: Path = HERE / "secrets", users: Path = HERE / "redis" / "users.acl") -> None:
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)

    def with_password(line: re.Match[str]) -> str:
        password = keep(folder / f"redis_password_{line[1]}", secrets.token_urlsafe(32))
        return f"user {line[1]} on #{hashlib.sha256(password.encode()).hexdigest()}"

    acl = re.sub(r"^user (\w+) on #\w+", with_password, users.read_text(), flags=re.MULTILINE)
    write(folder / "users.acl", acl)
    password = (folder / "redis_password_chat").read_text()
    write(folder / "redis_url", f"redis://chat:{password}@redis:6379/0")
    keep(folder / "secret_key", secrets.token_hex(32))
    print(f"The secrets are in {folder}.")


def keep(file: Path, fresh: str) -> str:
    """What ``file`` holds; ``fresh`` if there is none."""
    if not file.exists():
        write(file, fresh)
    return file.read_text()


def write(file: Path, text: str) -> None:
    file.write_text(text)
    # Containers read it as users of their own; nobody else can enter the folder.
    file.chmod(0o644)


if __name__ == "__main__":
    main()
