-- The ERP as it grew: most tables have a primary key, products and invoices never got one, no foreign key anywhere.

create table customers (
    customer_id   bigint primary key,
    account       uuid not null,
    name          text,
    email         text,
    phone         text,
    country       text,
    city          text,
    vat_no        text,
    credit_limit  numeric(12, 2),
    registered_on text,
    profile       jsonb,
    is_deleted    boolean not null default false,
    updated_at    timestamptz not null default now()
);

create table products (
    sku        text,
    name       text,
    category   text,
    list_price numeric(12, 4),
    weight_kg  text,
    vat_rate   numeric(4, 2),
    attributes jsonb,
    updated_at timestamptz not null default now()
);

create table orders (
    order_id      bigint primary key,
    order_no      text,
    customer_id   bigint,
    status        text,
    ordered_at    timestamptz,
    deliver_from  date,
    deliver_until date,
    currency      text,
    note          text,
    extra         jsonb,
    is_deleted    boolean not null default false,
    updated_at    timestamptz not null default now()
);

create table order_lines (
    order_id         bigint,
    line_no          integer,
    sku              text,
    quantity         numeric(10, 3),
    unit_price       numeric(12, 4),
    discount_percent numeric(5, 2),
    updated_at       timestamptz not null default now(),
    primary key (order_id, line_no)
);

create table invoices (
    invoice_no text,
    order_id   bigint,
    issued_on  text,
    due_on     text,
    net        numeric(14, 2),
    vat        numeric(14, 2),
    gross      numeric(14, 2),
    iban       text,
    paid_at    timestamptz,
    updated_at timestamptz not null default now()
);
