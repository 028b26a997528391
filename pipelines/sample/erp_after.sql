-- What holds once the history is loaded: from now on the database itself says when a row changed.

create function touch() returns trigger language plpgsql as $$
begin
    new.updated_at := now();
    return new;
end $$;

create trigger touch before insert or update on customers for each row execute function touch();
create trigger touch before insert or update on products for each row execute function touch();
create trigger touch before insert or update on orders for each row execute function touch();
create trigger touch before insert or update on order_lines for each row execute function touch();
create trigger touch before insert or update on invoices for each row execute function touch();

create index on customers (updated_at, customer_id);
create index on products (updated_at, sku);
create index on orders (updated_at, order_id);
create index on order_lines (updated_at, order_id, line_no);
create index on invoices (updated_at, invoice_no);

create schema sample;
create table sample.world (seed bigint not null, lines bigint not null, night integer not null);
