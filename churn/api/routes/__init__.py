"""The routes, one module per matter; `ROUTERS` is all of them but `risk` and `scores`, which the app holds itself."""

from churn.api.routes import (
    audit,
    campaigns,
    experiments,
    health,
    jobs,
    models,
    monitoring,
    privacy,
    programmes,
    query,
    reports,
    simulations,
)

ROUTERS = (
    health.router,
    simulations.router,
    models.router,
    monitoring.router,
    reports.router,
    campaigns.router,
    programmes.router,
    programmes.moments,
    experiments.router,
    jobs.router,
    privacy.router,
    audit.router,
    query.router,
)
