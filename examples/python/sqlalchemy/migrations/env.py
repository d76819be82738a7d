"""Alembic's environment. `include_object` keeps it out of Posthorn's schema."""

from alembic import context
from models import Base
from shop import engine


def include_object(object, name, type_, reflected, compare_to):
    """Posthorn's views are mapped, but `posthorn migrate` makes them: Alembic must not."""
    return getattr(object, "schema", None) != "posthorn"


with engine.connect() as connection:
    context.configure(
        connection=connection, target_metadata=Base.metadata, include_object=include_object
    )
    with context.begin_transaction():
        context.run_migrations()
