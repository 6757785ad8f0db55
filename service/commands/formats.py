"""`churn-alert formats`: the exports that are known, and where each is found."""

from __future__ import annotations

from service.commands.console import out


def formats() -> None:
    """List the exports of shop systems and survey tools that backtest and replay know, and where each is found."""
    from service.profiles import profiles

    for title, surveys in (("Purchases", False), ("Survey answers", True)):
        out.print(title, style="bold", highlight=False)
        for profile in profiles():
            if profile.surveys == surveys:
                out.print(f"  {profile.name}: {profile.where}", highlight=False, soft_wrap=True)
                if profile.needs:
                    out.print(f"    {profile.needs}", highlight=False, soft_wrap=True)
    out.print(
        "Any other table is read as well, once it is plain which column is what: CSV, TSV, XLSX, XLS, ODS, JSON, JSON lines and "
        "Parquet, also packed (gzip, zip, zstd, bzip2, xz). Say it with --map customer_id=…,timestamp=…,amount=… where a guess does not do.",
        highlight=False,
        soft_wrap=True,
    )
