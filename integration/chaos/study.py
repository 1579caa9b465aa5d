"""What the study lists (supervision, F.3), and where each of it is tried."""


def show() -> None:
    print("later")
